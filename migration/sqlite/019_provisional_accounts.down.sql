-- Makes every registration keep its address permanently, and deletes which usernames were shared.

ALTER TABLE users DROP COLUMN provisional_uses;
ALTER TABLE users DROP COLUMN provisional_used_at;
ALTER TABLE users DROP COLUMN username_shared;
