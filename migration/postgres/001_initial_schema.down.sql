-- Drops the core tables WITH ALL ACCOUNTS. Back up first.

DROP TABLE refresh_tokens;
DROP TABLE oauth_providers;
DROP TABLE users;
DROP FUNCTION update_updated_at_column();
