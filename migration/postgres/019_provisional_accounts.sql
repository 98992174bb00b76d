-- migrate: compatible
--
-- An unverified registration is provisional: it holds its address for a day, unless it is used on several days. `provisional_uses` counts
-- its uses (registration, logins and refreshes) that are at least twelve hours apart, and `provisional_used_at` is the time of the last
-- one that was counted. NULL means that the account holds its address for good: accounts of earlier versions and of an older replica,
-- verified ones, and those that were used often enough. `username_shared` marks accounts whose name another account has in other
-- letters; 020 sets it.
--
-- Locks: ACCESS EXCLUSIVE on users for the moment of adding columns and constraints that nothing is checked for; 020 validates them.
-- Undone by dropping the columns: every registration then holds its address for good.

ALTER TABLE users
    ADD COLUMN provisional_uses INTEGER,
    ADD COLUMN provisional_used_at TIMESTAMPTZ,
    ADD COLUMN username_shared BOOLEAN NOT NULL DEFAULT FALSE,
    ADD CONSTRAINT chk_users_provisional_uses CHECK (provisional_uses > 0) NOT VALID,
    ADD CONSTRAINT chk_users_provisional_used_at_range
        CHECK (provisional_used_at >= to_timestamp('-62135596800'::float8) AND provisional_used_at < to_timestamp('253402300800'::float8)) NOT VALID;

COMMENT ON COLUMN users.provisional_uses IS 'uses of an unverified registration that are at least 12 hours apart; NULL: it holds its address for good';
COMMENT ON COLUMN users.provisional_used_at IS 'time of the last use that was counted';
COMMENT ON COLUMN users.username_shared IS 'another account has this name in other letters; made before names were unique without regard to case';
