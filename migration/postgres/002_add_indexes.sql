-- Plain and composite indexes, as databases of the earlier manager have them. 005 to 007 replace most of them.
--
-- Locks: each blocks writes to its table while it is built; the tables are new. Undone by dropping the indexes.

CREATE INDEX idx_users_email ON users (email);
CREATE INDEX idx_users_username ON users (username);
CREATE INDEX idx_users_provider ON users (provider);
CREATE INDEX idx_users_provider_id ON users (provider_id);
CREATE INDEX idx_users_active ON users (active);
CREATE INDEX idx_users_email_verified ON users (email_verified);
CREATE INDEX idx_users_last_login ON users (last_login);
CREATE INDEX idx_users_created_at ON users (created_at);
CREATE INDEX idx_users_deleted_at ON users (deleted_at);
CREATE INDEX idx_users_email_active ON users (email, active);
CREATE INDEX idx_users_username_active ON users (username, active);
CREATE INDEX idx_oauth_providers_user_id ON oauth_providers (user_id);
CREATE INDEX idx_oauth_providers_provider ON oauth_providers (provider);
CREATE INDEX idx_oauth_providers_provider_id ON oauth_providers (provider_id);
CREATE INDEX idx_oauth_providers_expires_at ON oauth_providers (expires_at);
CREATE INDEX idx_oauth_providers_created_at ON oauth_providers (created_at);
CREATE INDEX idx_oauth_providers_provider_provider_id ON oauth_providers (provider, provider_id);
CREATE INDEX idx_refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX idx_refresh_tokens_token_hash ON refresh_tokens (token_hash);
CREATE INDEX idx_refresh_tokens_expires_at ON refresh_tokens (expires_at);
CREATE INDEX idx_refresh_tokens_revoked ON refresh_tokens (revoked);
CREATE INDEX idx_refresh_tokens_created_at ON refresh_tokens (created_at);
CREATE INDEX idx_refresh_tokens_token_hash_revoked_expires ON refresh_tokens (token_hash, revoked, expires_at);
