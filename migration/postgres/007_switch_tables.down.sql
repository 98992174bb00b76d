-- Builds the old tables from the new ones. Blocks the three tables while it rewrites them: minutes for millions of
-- rows. What the old shape cannot hold is lost: lock-out state, token families, times of revocation, key ids; an erased
-- provider token becomes '' and its expiry the year 1970. Back up first.

LOCK TABLE users, oauth_providers, refresh_tokens IN ACCESS EXCLUSIVE MODE;

ALTER TABLE users ALTER COLUMN id DROP DEFAULT;
ALTER SEQUENCE users_id_seq OWNED BY NONE;
ALTER TABLE oauth_providers ALTER COLUMN id DROP DEFAULT;
ALTER SEQUENCE oauth_providers_id_seq OWNED BY NONE;
ALTER TABLE refresh_tokens ALTER COLUMN id DROP DEFAULT;
ALTER SEQUENCE refresh_tokens_id_seq OWNED BY NONE;
DROP TRIGGER update_users_updated_at ON users;
DROP TRIGGER update_oauth_providers_updated_at ON oauth_providers;
ALTER TABLE users RENAME TO users_next;
ALTER TABLE users_next RENAME CONSTRAINT users_pkey TO users_next_pkey;
ALTER TABLE oauth_providers RENAME TO oauth_providers_next;
ALTER TABLE oauth_providers_next RENAME CONSTRAINT oauth_providers_pkey TO oauth_providers_next_pkey;
ALTER TABLE refresh_tokens RENAME TO refresh_tokens_next;
ALTER TABLE refresh_tokens_next RENAME CONSTRAINT refresh_tokens_pkey TO refresh_tokens_next_pkey;
ALTER TABLE oauth_providers_next RENAME CONSTRAINT oauth_providers_user_id_fkey TO oauth_providers_next_user_id_fkey;
ALTER TABLE refresh_tokens_next RENAME CONSTRAINT refresh_tokens_user_id_fkey TO refresh_tokens_next_user_id_fkey;
ALTER TABLE users_next DROP CONSTRAINT users_username_key;
CREATE UNIQUE INDEX users_next_username_key ON users_next (username);
ALTER INDEX users_email_lower_key RENAME TO users_next_email_lower_key;
ALTER INDEX idx_users_provider_provider_id RENAME TO users_next_provider_provider_id;
ALTER INDEX idx_users_last_login RENAME TO users_next_last_login;
ALTER INDEX idx_users_locked_until RENAME TO users_next_locked_until;
ALTER TABLE oauth_providers_next DROP CONSTRAINT oauth_providers_provider_provider_id_key;
CREATE UNIQUE INDEX oauth_providers_next_provider_provider_id_key ON oauth_providers_next (provider, provider_id);
ALTER INDEX idx_oauth_providers_user_id RENAME TO oauth_providers_next_user_id;
ALTER INDEX idx_oauth_providers_expires_at RENAME TO oauth_providers_next_expires_at;
ALTER TABLE refresh_tokens_next DROP CONSTRAINT refresh_tokens_token_hash_key;
CREATE UNIQUE INDEX refresh_tokens_next_token_hash_key ON refresh_tokens_next (token_hash);
ALTER INDEX idx_refresh_tokens_user_id RENAME TO refresh_tokens_next_user_id;
ALTER INDEX idx_refresh_tokens_family_id RENAME TO refresh_tokens_next_family_id;
ALTER INDEX idx_refresh_tokens_expires_at RENAME TO refresh_tokens_next_expires_at;
ALTER INDEX idx_refresh_tokens_revoked_at RENAME TO refresh_tokens_next_revoked_at;

CREATE TABLE users (
    id INTEGER PRIMARY KEY DEFAULT nextval('users_id_seq'),
    email VARCHAR(255) UNIQUE NOT NULL,
    username VARCHAR(255) UNIQUE NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    avatar_url VARCHAR(500),
    provider VARCHAR(50) NOT NULL DEFAULT 'email',
    provider_id VARCHAR(255),
    last_login TIMESTAMP,
    email_verified BOOLEAN DEFAULT FALSE,
    active BOOLEAN DEFAULT TRUE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    deleted_at TIMESTAMP
);

CREATE TABLE oauth_providers (
    id INTEGER PRIMARY KEY DEFAULT nextval('oauth_providers_id_seq'),
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider VARCHAR(50) NOT NULL,
    provider_id VARCHAR(255) NOT NULL,
    access_token TEXT NOT NULL,
    refresh_token TEXT,
    expires_at TIMESTAMP NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (provider, provider_id)
);

CREATE TABLE refresh_tokens (
    id INTEGER PRIMARY KEY DEFAULT nextval('refresh_tokens_id_seq'),
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash VARCHAR(255) NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    revoked BOOLEAN DEFAULT FALSE
);

ALTER SEQUENCE users_id_seq AS INTEGER OWNED BY users.id;
ALTER SEQUENCE oauth_providers_id_seq AS INTEGER OWNED BY oauth_providers.id;
ALTER SEQUENCE refresh_tokens_id_seq AS INTEGER OWNED BY refresh_tokens.id;

INSERT INTO users (id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified,
                   active, created_at, updated_at, deleted_at)
SELECT id, email, username, password_hash, avatar_url, provider, provider_id, last_login AT TIME ZONE 'UTC',
       email_verified, active, created_at AT TIME ZONE 'UTC', updated_at AT TIME ZONE 'UTC',
       deleted_at AT TIME ZONE 'UTC'
FROM users_next;
INSERT INTO oauth_providers (id, user_id, provider, provider_id, access_token, refresh_token, expires_at, created_at,
                             updated_at)
SELECT id, user_id, provider, provider_id, coalesce(access_token, ''), refresh_token,
       coalesce(expires_at AT TIME ZONE 'UTC', 'epoch'), created_at AT TIME ZONE 'UTC', updated_at AT TIME ZONE 'UTC'
FROM oauth_providers_next;
INSERT INTO refresh_tokens (id, user_id, token_hash, expires_at, created_at, revoked)
SELECT id, user_id, token_hash, expires_at AT TIME ZONE 'UTC', created_at AT TIME ZONE 'UTC', revoked
FROM refresh_tokens_next;

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

CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_oauth_providers_updated_at BEFORE UPDATE ON oauth_providers
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

DROP FUNCTION get_user_statistics();
DROP FUNCTION update_user_last_login(BIGINT);
DROP FUNCTION cleanup_expired_tokens();
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

CREATE FUNCTION mirror_users_to_next() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE users_next CASCADE;
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM users_next WHERE id = OLD.id;
    ELSE
        INSERT INTO users_next (id, email, username, password_hash, avatar_url, provider, provider_id, last_login,
                                email_verified, active, created_at, updated_at, deleted_at)
        VALUES (NEW.id, NEW.email, NEW.username, NEW.password_hash, NEW.avatar_url, NEW.provider, NEW.provider_id,
                NEW.last_login AT TIME ZONE 'UTC', coalesce(NEW.email_verified, FALSE), coalesce(NEW.active, FALSE),
                coalesce(NEW.created_at AT TIME ZONE 'UTC', NEW.updated_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP),
                coalesce(NEW.updated_at AT TIME ZONE 'UTC', NEW.created_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP),
                NEW.deleted_at AT TIME ZONE 'UTC')
        ON CONFLICT (id) DO UPDATE
        SET (email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified,
                active, created_at, updated_at, deleted_at)
          = (EXCLUDED.email, EXCLUDED.username, EXCLUDED.password_hash, EXCLUDED.avatar_url, EXCLUDED.provider,
                EXCLUDED.provider_id, EXCLUDED.last_login, EXCLUDED.email_verified, EXCLUDED.active,
                EXCLUDED.created_at, EXCLUDED.updated_at, EXCLUDED.deleted_at);
    END IF;
    RETURN NULL;
END;
$$;

CREATE FUNCTION mirror_oauth_providers_to_next() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE oauth_providers_next CASCADE;
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM oauth_providers_next WHERE id = OLD.id;
    ELSE
        INSERT INTO oauth_providers_next (id, user_id, provider, provider_id, access_token, refresh_token, expires_at,
                                          created_at, updated_at)
        VALUES (NEW.id, NEW.user_id, NEW.provider, NEW.provider_id, NEW.access_token, NEW.refresh_token,
                NEW.expires_at AT TIME ZONE 'UTC',
                coalesce(NEW.created_at AT TIME ZONE 'UTC', NEW.updated_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP),
                coalesce(NEW.updated_at AT TIME ZONE 'UTC', NEW.created_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP))
        ON CONFLICT (id) DO UPDATE
        SET (user_id, provider, provider_id, access_token, refresh_token, expires_at, created_at, updated_at)
          = (EXCLUDED.user_id, EXCLUDED.provider, EXCLUDED.provider_id, EXCLUDED.access_token,
                EXCLUDED.refresh_token, EXCLUDED.expires_at, EXCLUDED.created_at, EXCLUDED.updated_at);
    END IF;
    RETURN NULL;
END;
$$;

CREATE FUNCTION mirror_refresh_tokens_to_next() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE refresh_tokens_next CASCADE;
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM refresh_tokens_next WHERE id = OLD.id;
    ELSE
        INSERT INTO refresh_tokens_next (id, user_id, token_hash, expires_at, created_at, revoked)
        VALUES (NEW.id, NEW.user_id, NEW.token_hash, NEW.expires_at AT TIME ZONE 'UTC',
                coalesce(NEW.created_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP), coalesce(NEW.revoked, TRUE))
        ON CONFLICT (id) DO UPDATE
        SET (user_id, token_hash, expires_at, created_at, revoked)
          = (EXCLUDED.user_id, EXCLUDED.token_hash, EXCLUDED.expires_at, EXCLUDED.created_at, EXCLUDED.revoked);
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER mirror_users_rows AFTER INSERT OR UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION mirror_users_to_next();
CREATE TRIGGER mirror_users_truncate AFTER TRUNCATE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION mirror_users_to_next();
CREATE TRIGGER mirror_oauth_providers_rows AFTER INSERT OR UPDATE OR DELETE ON oauth_providers
    FOR EACH ROW EXECUTE FUNCTION mirror_oauth_providers_to_next();
CREATE TRIGGER mirror_oauth_providers_truncate AFTER TRUNCATE ON oauth_providers
    FOR EACH STATEMENT EXECUTE FUNCTION mirror_oauth_providers_to_next();
CREATE TRIGGER mirror_refresh_tokens_rows AFTER INSERT OR UPDATE OR DELETE ON refresh_tokens
    FOR EACH ROW EXECUTE FUNCTION mirror_refresh_tokens_to_next();
CREATE TRIGGER mirror_refresh_tokens_truncate AFTER TRUNCATE ON refresh_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION mirror_refresh_tokens_to_next();
COMMENT ON TABLE users_next IS NULL;
COMMENT ON COLUMN users_next.email IS NULL;
COMMENT ON COLUMN users_next.password_hash IS NULL;
COMMENT ON COLUMN users_next.provider IS NULL;
COMMENT ON COLUMN users_next.provider_id IS NULL;
COMMENT ON COLUMN users_next.failed_login_count IS NULL;
COMMENT ON COLUMN users_next.locked_until IS NULL;
COMMENT ON COLUMN users_next.deleted_at IS NULL;
COMMENT ON TABLE oauth_providers_next IS NULL;
COMMENT ON COLUMN oauth_providers_next.access_token IS NULL;
COMMENT ON COLUMN oauth_providers_next.refresh_token IS NULL;
COMMENT ON COLUMN oauth_providers_next.expires_at IS NULL;
COMMENT ON COLUMN oauth_providers_next.key_id IS NULL;
COMMENT ON TABLE refresh_tokens_next IS NULL;
COMMENT ON COLUMN refresh_tokens_next.token_hash IS NULL;
COMMENT ON COLUMN refresh_tokens_next.family_id IS NULL;
COMMENT ON COLUMN refresh_tokens_next.revoked_at IS NULL;
