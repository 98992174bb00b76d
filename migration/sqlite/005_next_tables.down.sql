-- Drops the tables that were being prepared; the live ones are untouched.

DROP TABLE refresh_tokens_next;
DROP TABLE oauth_providers_next;
DROP TABLE users_next;
