-- Every registration holds its address for good, and it is forgotten which names were shared.

ALTER TABLE users DROP COLUMN provisional_uses;
ALTER TABLE users DROP COLUMN provisional_used_at;
ALTER TABLE users DROP COLUMN username_shared;
