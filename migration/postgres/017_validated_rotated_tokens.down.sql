-- The constraints hold for new rows only, as after 016.
-- Locks: ACCESS EXCLUSIVE on refresh_tokens for a moment.

ALTER TABLE refresh_tokens
    DROP CONSTRAINT chk_refresh_tokens_rotated_at_range,
    DROP CONSTRAINT chk_refresh_tokens_access_used_at_range,
    DROP CONSTRAINT chk_refresh_tokens_session_started_at_range;
ALTER TABLE refresh_tokens
    ADD CONSTRAINT chk_refresh_tokens_rotated_at_range
        CHECK (rotated_at >= to_timestamp('-62135596800'::float8) AND rotated_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_refresh_tokens_access_used_at_range
        CHECK (access_used_at >= to_timestamp('-62135596800'::float8) AND access_used_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_refresh_tokens_session_started_at_range
        CHECK (session_started_at >= to_timestamp('-62135596800'::float8) AND session_started_at < to_timestamp('253402300800'::float8)) NOT VALID;
