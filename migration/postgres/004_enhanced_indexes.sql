-- Partial and composite indexes, the four checks and the three functions, as databases of the earlier manager have
-- them.
--
-- Locks: building blocks writes, adding a check scans its table; the tables are new. Undone by dropping them.

CREATE INDEX idx_users_provider_provider_id ON users (provider, provider_id);
CREATE INDEX idx_users_email_active_verified ON users (email, active, email_verified);
CREATE INDEX idx_users_username_active_deleted ON users (username, active, deleted_at);
CREATE INDEX idx_users_last_login_active ON users (last_login, active);
CREATE INDEX idx_users_active_email_verified ON users (email) WHERE active AND email_verified;
CREATE INDEX idx_users_oauth_providers ON users (provider_id) WHERE provider <> 'email';
CREATE INDEX idx_oauth_providers_user_provider ON oauth_providers (user_id, provider);
CREATE INDEX idx_oauth_providers_expires_at_provider ON oauth_providers (expires_at, provider);
CREATE INDEX idx_refresh_tokens_user_expires_revoked ON refresh_tokens (user_id, expires_at, revoked);

ALTER TABLE users
    ADD CONSTRAINT chk_users_email_format
        CHECK (email ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$'),
    ADD CONSTRAINT chk_users_provider_values CHECK (provider IN ('email', 'google', 'github')),
    ADD CONSTRAINT chk_users_password_oauth
        CHECK ((provider = 'email' AND password_hash <> '') OR (provider <> 'email' AND password_hash = ''));
ALTER TABLE oauth_providers
    ADD CONSTRAINT chk_oauth_provider_values CHECK (provider IN ('google', 'github'));

CREATE FUNCTION cleanup_expired_tokens() RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
    deleted INTEGER;
BEGIN
    DELETE FROM refresh_tokens WHERE expires_at < CURRENT_TIMESTAMP OR revoked;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END;
$$;

CREATE FUNCTION update_user_last_login(INTEGER) RETURNS VOID LANGUAGE sql AS $$
    UPDATE users SET last_login = CURRENT_TIMESTAMP WHERE id = $1;
$$;

CREATE FUNCTION get_user_statistics() RETURNS TABLE (
    total_users BIGINT, active_users BIGINT, verified_users BIGINT,
    oauth_users BIGINT, email_users BIGINT, recent_logins BIGINT
) LANGUAGE sql STABLE AS $$
    SELECT count(*),
           count(*) FILTER (WHERE active),
           count(*) FILTER (WHERE email_verified),
           count(*) FILTER (WHERE provider <> 'email'),
           count(*) FILTER (WHERE provider = 'email'),
           count(*) FILTER (WHERE last_login > CURRENT_TIMESTAMP - INTERVAL '7 days')
    FROM users
    WHERE deleted_at IS NULL;
$$;
