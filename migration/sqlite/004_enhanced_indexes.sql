-- Partial and composite indexes, as in PostgreSQL. SQLite cannot add a check to a table that exists: the checks come with
-- the tables of 005. What PostgreSQL does in functions, the program does. Undone by dropping the indexes.

CREATE INDEX idx_users_provider_provider_id ON users (provider, provider_id);
CREATE INDEX idx_users_email_active_verified ON users (email, active, email_verified);
CREATE INDEX idx_users_username_active_deleted ON users (username, active, deleted_at);
CREATE INDEX idx_users_last_login_active ON users (last_login, active);
CREATE INDEX idx_users_active_email_verified ON users (email) WHERE active AND email_verified;
CREATE INDEX idx_users_oauth_providers ON users (provider_id) WHERE provider <> 'email';
CREATE INDEX idx_oauth_providers_user_provider ON oauth_providers (user_id, provider);
CREATE INDEX idx_oauth_providers_expires_at_provider ON oauth_providers (expires_at, provider);
CREATE INDEX idx_refresh_tokens_user_expires_revoked ON refresh_tokens (user_id, expires_at, revoked);
