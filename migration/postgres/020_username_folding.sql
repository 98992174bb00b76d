-- migrate: compatible
-- migrate: no-transaction
--
-- Names are unique without regard to the case of A-Z. Accounts that share a name already keep it and keep working: the one that is in use
-- (not deleted, active, verified, logged in last, the oldest) is in the unique index, and each other one is marked and is not. The second
-- index finds the marked ones, so that no new account gets their name either. It also validates the constraints of 019.
--
-- Locks: SHARE UPDATE EXCLUSIVE on users while the indexes are built and the table is read once, which blocks neither reads nor writes.
-- Undone by dropping the indexes and adding the constraints without validation.

UPDATE users
SET username_shared = TRUE
WHERE id IN (
    SELECT id
    FROM (
        SELECT id, row_number() OVER (
            PARTITION BY lower(username COLLATE "C")
            ORDER BY username_shared, deleted_at IS NOT NULL, active DESC, email_verified DESC, last_login DESC NULLS LAST, id
        ) AS place
        FROM users
        WHERE lower(username COLLATE "C") IN (
            SELECT lower(username COLLATE "C") FROM users GROUP BY lower(username COLLATE "C") HAVING count(*) > 1
        )
    ) same_name
    WHERE place > 1
) AND NOT username_shared;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_username_folded_key ON users (lower(username COLLATE "C")) WHERE NOT username_shared;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_users_username_shared ON users (lower(username COLLATE "C")) WHERE username_shared;
ALTER TABLE users VALIDATE CONSTRAINT chk_users_provisional_uses;
ALTER TABLE users VALIDATE CONSTRAINT chk_users_provisional_used_at_range;
