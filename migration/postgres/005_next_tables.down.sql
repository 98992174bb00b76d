-- Drops the tables that were being prepared; the live ones are untouched.

DROP TRIGGER mirror_refresh_tokens_truncate ON refresh_tokens;
DROP TRIGGER mirror_refresh_tokens_rows ON refresh_tokens;
DROP TRIGGER mirror_oauth_providers_truncate ON oauth_providers;
DROP TRIGGER mirror_oauth_providers_rows ON oauth_providers;
DROP TRIGGER mirror_users_truncate ON users;
DROP TRIGGER mirror_users_rows ON users;
DROP FUNCTION mirror_refresh_tokens_to_next();
DROP FUNCTION mirror_oauth_providers_to_next();
DROP FUNCTION mirror_users_to_next();
DROP TABLE refresh_tokens_next;
DROP TABLE oauth_providers_next;
DROP TABLE users_next;
