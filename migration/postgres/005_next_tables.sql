-- First of three steps to tables with time zones, 64-bit ids, required columns, "C" collation on machine strings and
-- half of the indexes. A live table of any size is never rewritten or indexed under an exclusive lock: the tables of the
-- final shape are built beside the old ones (005), filled in batches (006), and put in their place (007), while
-- triggers carry every change of the old tables over.
--
-- Existing times are UTC. NULL means what it meant to the queries that said `= true` and `= false`: not active, not
-- verified, revoked.
--
-- Stops, with nothing changed, if two addresses differ only in case or two tokens have one hash: which of them stays,
-- people decide.
--
-- Locks: SHARE ROW EXCLUSIVE on the old tables for the moment of creating the triggers; one scan of users and
-- refresh_tokens before that, under no lock that blocks. Undone by dropping what it makes; no old row changes.

DO $$
DECLARE
    found TEXT;
BEGIN
    SELECT string_agg(address, ', ') INTO found
    FROM (SELECT lower(email) AS address FROM users GROUP BY lower(email) HAVING count(*) > 1 LIMIT 10) twins;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'users have e-mail addresses that differ only in case' USING
            ERRCODE = 'unique_violation', DETAIL = found, HINT = 'change or merge these accounts, then migrate again';
    END IF;
    SELECT count(*)::TEXT INTO found
    FROM (SELECT FROM refresh_tokens GROUP BY token_hash HAVING count(*) > 1) twins HAVING count(*) > 0;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'refresh_tokens has token hashes that occur more than once' USING
            ERRCODE = 'unique_violation', DETAIL = found || ' hashes', HINT = 'delete the duplicates, then migrate again';
    END IF;
END;
$$;

CREATE TABLE users_next (
    id BIGINT CONSTRAINT users_next_pkey PRIMARY KEY,
    email VARCHAR(255) NOT NULL,
    username VARCHAR(255) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    avatar_url VARCHAR(500),
    provider VARCHAR(50) COLLATE "C" NOT NULL DEFAULT 'email',
    provider_id VARCHAR(255) COLLATE "C",
    last_login TIMESTAMPTZ,
    email_verified BOOLEAN NOT NULL DEFAULT FALSE,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    failed_login_count INTEGER NOT NULL DEFAULT 0,
    locked_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at TIMESTAMPTZ,
    CONSTRAINT chk_users_email_format CHECK (email ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$'),
    CONSTRAINT chk_users_provider_values CHECK (provider IN ('email', 'google', 'github')),
    CONSTRAINT chk_users_password_oauth CHECK ((provider = 'email') = (password_hash <> '')),
    CONSTRAINT chk_users_failed_login_count CHECK (failed_login_count >= 0)
);

CREATE TABLE oauth_providers_next (
    id BIGINT CONSTRAINT oauth_providers_next_pkey PRIMARY KEY,
    user_id BIGINT NOT NULL,
    provider VARCHAR(50) COLLATE "C" NOT NULL,
    provider_id VARCHAR(255) COLLATE "C" NOT NULL,
    access_token TEXT,
    refresh_token TEXT,
    expires_at TIMESTAMPTZ,
    key_id VARCHAR(64) COLLATE "C",
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT chk_oauth_provider_values CHECK (provider IN ('google', 'github'))
);

CREATE TABLE refresh_tokens_next (
    id BIGINT CONSTRAINT refresh_tokens_next_pkey PRIMARY KEY,
    user_id BIGINT NOT NULL,
    token_hash VARCHAR(255) COLLATE "C" NOT NULL,
    family_id BIGINT,
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    revoked BOOLEAN NOT NULL DEFAULT FALSE,
    revoked_at TIMESTAMPTZ
);

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
