-- migrate: no-transaction
--
-- Addresses are folded by the locale of the database again.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_email_lower_key ON users (lower(email));
DROP INDEX CONCURRENTLY IF EXISTS users_email_folded_key;
