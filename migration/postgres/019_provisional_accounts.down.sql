-- Every registration holds its address for good, and it is forgotten which names were shared.
-- Locks: ACCESS EXCLUSIVE on users for a moment.

ALTER TABLE users
    DROP COLUMN provisional_uses,
    DROP COLUMN provisional_used_at,
    DROP COLUMN username_shared;
