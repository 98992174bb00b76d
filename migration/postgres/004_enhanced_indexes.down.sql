-- Drops the functions, checks and indexes; no row changes.

DROP FUNCTION get_user_statistics();
DROP FUNCTION update_user_last_login(INTEGER);
DROP FUNCTION cleanup_expired_tokens();
ALTER TABLE oauth_providers DROP CONSTRAINT chk_oauth_provider_values;
ALTER TABLE users
    DROP CONSTRAINT chk_users_password_oauth,
    DROP CONSTRAINT chk_users_provider_values,
    DROP CONSTRAINT chk_users_email_format;
DROP INDEX idx_refresh_tokens_user_expires_revoked;
DROP INDEX idx_oauth_providers_expires_at_provider;
DROP INDEX idx_oauth_providers_user_provider;
DROP INDEX idx_users_oauth_providers;
DROP INDEX idx_users_active_email_verified;
DROP INDEX idx_users_last_login_active;
DROP INDEX idx_users_username_active_deleted;
DROP INDEX idx_users_email_active_verified;
DROP INDEX idx_users_provider_provider_id;
