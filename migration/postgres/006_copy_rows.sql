-- migrate: no-transaction
--
-- Second of three steps: copies every row into the next tables, in batches that each hold their row locks for
-- milliseconds, then builds indexes and foreign keys there. The row lock makes copying and mirroring exact: a row that
-- changes meanwhile is either waited for and copied as changed, or mirrored by 005's triggers.
--
-- Can be stopped anywhere and run again. Needs room for a second copy of the three tables.
-- Locks: FOR SHARE on the rows of a batch; nothing that blocks reads or, for longer than a batch, writes.
-- Undone by emptying the next tables.

DO $$
DECLARE
    low INTEGER := (SELECT min(id) FROM users);
    high INTEGER := (SELECT max(id) FROM users);
BEGIN
    WHILE low <= high LOOP
        INSERT INTO users_next (id, email, username, password_hash, avatar_url, provider, provider_id, last_login,
                                email_verified, active, created_at, updated_at, deleted_at)
        SELECT id, email, username, password_hash, avatar_url, provider, provider_id, last_login AT TIME ZONE 'UTC',
               coalesce(email_verified, FALSE), coalesce(active, FALSE),
               coalesce(created_at AT TIME ZONE 'UTC', updated_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP),
               coalesce(updated_at AT TIME ZONE 'UTC', created_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP),
               deleted_at AT TIME ZONE 'UTC'
        FROM users
        WHERE id >= low AND id < low::BIGINT + 5000
        FOR SHARE
        ON CONFLICT (id) DO NOTHING;
        COMMIT;
        SELECT min(id) INTO low FROM users WHERE id >= low::BIGINT + 5000;
    END LOOP;
END;
$$;

DO $$
DECLARE
    low INTEGER := (SELECT min(id) FROM oauth_providers);
    high INTEGER := (SELECT max(id) FROM oauth_providers);
BEGIN
    WHILE low <= high LOOP
        INSERT INTO oauth_providers_next (id, user_id, provider, provider_id, access_token, refresh_token, expires_at,
                                          created_at, updated_at)
        SELECT id, user_id, provider, provider_id, access_token, refresh_token, expires_at AT TIME ZONE 'UTC',
               coalesce(created_at AT TIME ZONE 'UTC', updated_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP),
               coalesce(updated_at AT TIME ZONE 'UTC', created_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP)
        FROM oauth_providers
        WHERE id >= low AND id < low::BIGINT + 5000
        FOR SHARE
        ON CONFLICT (id) DO NOTHING;
        COMMIT;
        SELECT min(id) INTO low FROM oauth_providers WHERE id >= low::BIGINT + 5000;
    END LOOP;
END;
$$;

DO $$
DECLARE
    low INTEGER := (SELECT min(id) FROM refresh_tokens);
    high INTEGER := (SELECT max(id) FROM refresh_tokens);
BEGIN
    WHILE low <= high LOOP
        INSERT INTO refresh_tokens_next (id, user_id, token_hash, expires_at, created_at, revoked)
        SELECT id, user_id, token_hash, expires_at AT TIME ZONE 'UTC',
               coalesce(created_at AT TIME ZONE 'UTC', CURRENT_TIMESTAMP), coalesce(revoked, TRUE)
        FROM refresh_tokens
        WHERE id >= low AND id < low::BIGINT + 5000
        FOR SHARE
        ON CONFLICT (id) DO NOTHING;
        COMMIT;
        SELECT min(id) INTO low FROM refresh_tokens WHERE id >= low::BIGINT + 5000;
    END LOOP;
END;
$$;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_next_username_key ON users_next (username);
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_next_email_lower_key ON users_next (lower(email));
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_next_provider_provider_id ON users_next (provider, provider_id)
    WHERE provider_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_next_last_login ON users_next (last_login);
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_next_locked_until ON users_next (locked_until)
    WHERE locked_until IS NOT NULL;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS oauth_providers_next_provider_provider_id_key
    ON oauth_providers_next (provider, provider_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS oauth_providers_next_user_id ON oauth_providers_next (user_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS oauth_providers_next_expires_at ON oauth_providers_next (expires_at)
    WHERE access_token IS NOT NULL;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS refresh_tokens_next_token_hash_key ON refresh_tokens_next (token_hash);
CREATE INDEX CONCURRENTLY IF NOT EXISTS refresh_tokens_next_user_id ON refresh_tokens_next (user_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS refresh_tokens_next_family_id ON refresh_tokens_next (family_id)
    WHERE family_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS refresh_tokens_next_expires_at ON refresh_tokens_next (expires_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS refresh_tokens_next_revoked_at ON refresh_tokens_next (revoked_at)
    WHERE revoked;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
                   WHERE conrelid = 'oauth_providers_next'::regclass AND conname = 'oauth_providers_next_user_id_fkey') THEN
        ALTER TABLE oauth_providers_next ADD CONSTRAINT oauth_providers_next_user_id_fkey
            FOREIGN KEY (user_id) REFERENCES users_next (id) ON DELETE CASCADE NOT VALID;
    END IF;
END;
$$;
ALTER TABLE oauth_providers_next VALIDATE CONSTRAINT oauth_providers_next_user_id_fkey;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
                   WHERE conrelid = 'refresh_tokens_next'::regclass AND conname = 'refresh_tokens_next_user_id_fkey') THEN
        ALTER TABLE refresh_tokens_next ADD CONSTRAINT refresh_tokens_next_user_id_fkey
            FOREIGN KEY (user_id) REFERENCES users_next (id) ON DELETE CASCADE NOT VALID;
    END IF;
END;
$$;
ALTER TABLE refresh_tokens_next VALIDATE CONSTRAINT refresh_tokens_next_user_id_fkey;

ANALYZE users_next;
ANALYZE oauth_providers_next;
ANALYZE refresh_tokens_next;
