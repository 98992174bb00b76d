-- migrate: compatible
-- migrate: no-transaction
--
-- Addresses are folded in one way, whatever the locale of the database: `lower(email COLLATE "C")` makes A-Z small and nothing else,
-- as the program does. Where the locale folds another way (`I` to a dotless i), two accounts may have had one address: of these the
-- one that is in use keeps it (not deleted, verified, logged in last, the oldest). Each other one is deactivated, and its address gets
-- the prefix `duplicate-ID-`; it could not log in before.
--
-- Locks: SHARE UPDATE EXCLUSIVE on users while the index is built, which blocks neither reads nor writes. Undone by building the old
-- index.

UPDATE users
SET email = CASE WHEN length(email) <= 225 THEN 'duplicate-' || id || '-' || email ELSE 'duplicate-' || id || '@email.invalid' END,
    active = FALSE
WHERE id IN (
    SELECT id
    FROM (
        SELECT id, row_number() OVER (
            PARTITION BY lower(email COLLATE "C")
            ORDER BY deleted_at IS NOT NULL, active DESC, email_verified DESC, last_login DESC NULLS LAST, id
        ) AS place
        FROM users
        WHERE lower(email COLLATE "C") IN (
            SELECT lower(email COLLATE "C") FROM users GROUP BY lower(email COLLATE "C") HAVING count(*) > 1
        )
    ) same_address
    WHERE place > 1
);

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_email_folded_key ON users (lower(email COLLATE "C"));
DROP INDEX CONCURRENTLY IF EXISTS users_email_lower_key;
