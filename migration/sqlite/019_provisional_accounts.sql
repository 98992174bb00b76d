-- migrate: compatible
--
-- An unverified registration is provisional: it holds its address for a day, unless it is used on several days. `provisional_uses` counts
-- its uses (registration, logins and refreshes) that are at least twelve hours apart, and `provisional_used_at` is the time of the last
-- one that was counted. NULL means that the account holds its address for good: accounts of earlier versions, verified ones, and those
-- that were used often enough. `username_shared` marks accounts whose name another account has in other letters; 020 sets it.
--
-- Undone by dropping the columns: every registration then holds its address for good.

ALTER TABLE users ADD COLUMN provisional_uses INTEGER
    CHECK (provisional_uses IS NULL OR typeof(provisional_uses) = 'integer' AND provisional_uses BETWEEN 1 AND 2147483647);
ALTER TABLE users ADD COLUMN provisional_used_at TEXT CHECK (
    provisional_used_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(provisional_used_at, 1, 19), '+0 days') IS substr(provisional_used_at, 1, 19)
    AND provisional_used_at >= '0001' AND (substr(provisional_used_at, 20) = '+00:00' OR substr(provisional_used_at, 20) GLOB '.*+00:00' AND substr(provisional_used_at, 21, length(provisional_used_at) - 26) NOT GLOB '*[^0-9]*')
);
ALTER TABLE users ADD COLUMN username_shared BOOLEAN NOT NULL DEFAULT FALSE CHECK (username_shared IN (0, 1));
