-- migrate: compatible
--
-- Makes usernames unique without regard to the case of A-Z. Accounts that already share a username keep it and continue
-- to work. Of these, the one in use (not deleted, active, verified, logged in last, the oldest) is in the unique index.
-- Each other one is marked and is not in it. The second index finds the marked ones, so that no new account gets their
-- username either. The down script drops the indexes.

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
