-- Drops the indexes; no row changes.

DROP INDEX idx_refresh_tokens_user_expires_revoked;
DROP INDEX idx_oauth_providers_expires_at_provider;
DROP INDEX idx_oauth_providers_user_provider;
DROP INDEX idx_users_oauth_providers;
DROP INDEX idx_users_active_email_verified;
DROP INDEX idx_users_last_login_active;
DROP INDEX idx_users_username_active_deleted;
DROP INDEX idx_users_email_active_verified;
DROP INDEX idx_users_provider_provider_id;
