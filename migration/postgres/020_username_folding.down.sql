-- migrate: no-transaction
--
-- Names are unique only as they are written, and the constraints of 019 hold for new rows only.
-- Locks: ACCESS EXCLUSIVE on users for a moment.

ALTER TABLE users
    DROP CONSTRAINT IF EXISTS chk_users_provisional_uses,
    DROP CONSTRAINT IF EXISTS chk_users_provisional_used_at_range,
    ADD CONSTRAINT chk_users_provisional_uses CHECK (provisional_uses > 0) NOT VALID,
    ADD CONSTRAINT chk_users_provisional_used_at_range
        CHECK (provisional_used_at >= to_timestamp('-62135596800'::float8) AND provisional_used_at < to_timestamp('253402300800'::float8)) NOT VALID;
DROP INDEX CONCURRENTLY IF EXISTS idx_users_username_shared;
DROP INDEX CONCURRENTLY IF EXISTS users_username_folded_key;
