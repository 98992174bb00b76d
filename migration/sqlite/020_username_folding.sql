-- migrate: compatible
--
-- Names are unique without regard to the case of A-Z. Accounts that share a name already keep it and keep working: the one that is in use
-- (not deleted, active, verified, logged in last, the oldest) is in the unique index, and each other one is marked and is not. The second
-- index finds the marked ones, so that no new account gets their name either. Undone by dropping the indexes.

UPDATE users
SET username_shared = TRUE
WHERE id IN (
    SELECT id
    FROM (
        SELECT id, row_number() OVER (
            PARTITION BY username COLLATE NOCASE
            ORDER BY username_shared, deleted_at IS NOT NULL, active DESC, email_verified DESC, last_login DESC NULLS LAST, id
        ) AS place
        FROM users
    ) same_name
    WHERE place > 1
) AND NOT username_shared;

CREATE UNIQUE INDEX users_username_folded_key ON users (username COLLATE NOCASE) WHERE NOT username_shared;
CREATE INDEX idx_users_username_shared ON users (username COLLATE NOCASE) WHERE username_shared;
