-- Drops the next tables and does not change the live ones.

DROP TABLE refresh_tokens_next;
DROP TABLE oauth_providers_next;
DROP TABLE users_next;
