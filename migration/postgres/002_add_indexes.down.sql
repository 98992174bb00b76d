-- Drops the indexes; no row changes.

DROP INDEX idx_users_email;
DROP INDEX idx_users_username;
DROP INDEX idx_users_provider;
DROP INDEX idx_users_provider_id;
DROP INDEX idx_users_active;
DROP INDEX idx_users_email_verified;
DROP INDEX idx_users_last_login;
DROP INDEX idx_users_created_at;
DROP INDEX idx_users_deleted_at;
DROP INDEX idx_users_email_active;
DROP INDEX idx_users_username_active;
DROP INDEX idx_oauth_providers_user_id;
DROP INDEX idx_oauth_providers_provider;
DROP INDEX idx_oauth_providers_provider_id;
DROP INDEX idx_oauth_providers_expires_at;
DROP INDEX idx_oauth_providers_created_at;
DROP INDEX idx_oauth_providers_provider_provider_id;
DROP INDEX idx_refresh_tokens_user_id;
DROP INDEX idx_refresh_tokens_token_hash;
DROP INDEX idx_refresh_tokens_expires_at;
DROP INDEX idx_refresh_tokens_revoked;
DROP INDEX idx_refresh_tokens_created_at;
DROP INDEX idx_refresh_tokens_token_hash_revoked_expires;
