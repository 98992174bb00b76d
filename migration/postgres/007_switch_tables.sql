-- Last of three steps: puts the next tables in the place of the old ones, and states the functions anew. The sequences
-- stay, so ids go on where they were.
--
-- Locks: ACCESS EXCLUSIVE on the three tables for the milliseconds of dropping and renaming; no row is read or written.
-- Undone by building the old tables from the new ones, which rewrites them (see the down script).

LOCK TABLE users, oauth_providers, refresh_tokens IN ACCESS EXCLUSIVE MODE;

ALTER SEQUENCE users_id_seq OWNED BY NONE;
ALTER SEQUENCE oauth_providers_id_seq OWNED BY NONE;
ALTER SEQUENCE refresh_tokens_id_seq OWNED BY NONE;
DROP TABLE refresh_tokens;
DROP TABLE oauth_providers;
DROP TABLE users;
DROP FUNCTION mirror_users_to_next();
DROP FUNCTION mirror_oauth_providers_to_next();
DROP FUNCTION mirror_refresh_tokens_to_next();

ALTER TABLE users_next RENAME TO users;
ALTER TABLE users RENAME CONSTRAINT users_next_pkey TO users_pkey;
ALTER TABLE oauth_providers_next RENAME TO oauth_providers;
ALTER TABLE oauth_providers RENAME CONSTRAINT oauth_providers_next_pkey TO oauth_providers_pkey;
ALTER TABLE refresh_tokens_next RENAME TO refresh_tokens;
ALTER TABLE refresh_tokens RENAME CONSTRAINT refresh_tokens_next_pkey TO refresh_tokens_pkey;
ALTER TABLE oauth_providers RENAME CONSTRAINT oauth_providers_next_user_id_fkey TO oauth_providers_user_id_fkey;
ALTER TABLE refresh_tokens RENAME CONSTRAINT refresh_tokens_next_user_id_fkey TO refresh_tokens_user_id_fkey;
ALTER TABLE users ADD CONSTRAINT users_username_key UNIQUE USING INDEX users_next_username_key;
ALTER INDEX users_next_email_lower_key RENAME TO users_email_lower_key;
ALTER INDEX users_next_provider_provider_id RENAME TO idx_users_provider_provider_id;
ALTER INDEX users_next_last_login RENAME TO idx_users_last_login;
ALTER INDEX users_next_locked_until RENAME TO idx_users_locked_until;
ALTER TABLE oauth_providers ADD CONSTRAINT oauth_providers_provider_provider_id_key UNIQUE USING INDEX oauth_providers_next_provider_provider_id_key;
ALTER INDEX oauth_providers_next_user_id RENAME TO idx_oauth_providers_user_id;
ALTER INDEX oauth_providers_next_expires_at RENAME TO idx_oauth_providers_expires_at;
ALTER TABLE refresh_tokens ADD CONSTRAINT refresh_tokens_token_hash_key UNIQUE USING INDEX refresh_tokens_next_token_hash_key;
ALTER INDEX refresh_tokens_next_user_id RENAME TO idx_refresh_tokens_user_id;
ALTER INDEX refresh_tokens_next_family_id RENAME TO idx_refresh_tokens_family_id;
ALTER INDEX refresh_tokens_next_expires_at RENAME TO idx_refresh_tokens_expires_at;
ALTER INDEX refresh_tokens_next_revoked_at RENAME TO idx_refresh_tokens_revoked_at;

ALTER SEQUENCE users_id_seq AS BIGINT OWNED BY users.id;
ALTER TABLE users ALTER COLUMN id SET DEFAULT nextval('users_id_seq');
ALTER SEQUENCE oauth_providers_id_seq AS BIGINT OWNED BY oauth_providers.id;
ALTER TABLE oauth_providers ALTER COLUMN id SET DEFAULT nextval('oauth_providers_id_seq');
ALTER SEQUENCE refresh_tokens_id_seq AS BIGINT OWNED BY refresh_tokens.id;
ALTER TABLE refresh_tokens ALTER COLUMN id SET DEFAULT nextval('refresh_tokens_id_seq');

DROP FUNCTION update_updated_at_column();
CREATE FUNCTION update_updated_at_column() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$;
CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_oauth_providers_updated_at BEFORE UPDATE ON oauth_providers
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

DROP FUNCTION cleanup_expired_tokens();
CREATE FUNCTION cleanup_expired_tokens() RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
    deleted INTEGER;
BEGIN
    DELETE FROM refresh_tokens
    WHERE expires_at < CURRENT_TIMESTAMP
       OR (revoked AND (revoked_at IS NULL OR revoked_at < CURRENT_TIMESTAMP - INTERVAL '24 hours'));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END;
$$;
COMMENT ON FUNCTION cleanup_expired_tokens() IS
    'deletes expired refresh tokens, and revoked ones 24 hours after they were revoked or at once where that is unknown; the count';

DROP FUNCTION update_user_last_login(INTEGER);
CREATE FUNCTION update_user_last_login(BIGINT) RETURNS VOID LANGUAGE sql AS $$
    UPDATE users SET last_login = CURRENT_TIMESTAMP WHERE id = $1;
$$;
COMMENT ON FUNCTION update_user_last_login(BIGINT) IS 'notes that the user with this id logged in now';

DROP FUNCTION get_user_statistics();
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
COMMENT ON FUNCTION get_user_statistics() IS 'counts of users that are not soft-deleted; logins of the last 7 days';

COMMENT ON TABLE users IS 'accounts';
COMMENT ON COLUMN users.email IS 'unique without regard to case';
COMMENT ON COLUMN users.password_hash IS 'PHC string; empty for accounts of a provider';
COMMENT ON COLUMN users.provider IS 'where the account came from: email, google, github';
COMMENT ON COLUMN users.provider_id IS 'the account''s id at that provider';
COMMENT ON COLUMN users.failed_login_count IS 'failed logins since the last successful one';
COMMENT ON COLUMN users.locked_until IS 'no login before this time';
COMMENT ON COLUMN users.deleted_at IS 'soft-deleted since; such rows are left out everywhere';
COMMENT ON TABLE oauth_providers IS 'links of accounts to accounts at providers';
COMMENT ON COLUMN oauth_providers.access_token IS 'NULL once erased; ciphertext if key_id is set';
COMMENT ON COLUMN oauth_providers.refresh_token IS 'NULL once erased; ciphertext if key_id is set';
COMMENT ON COLUMN oauth_providers.expires_at IS 'of the access token; NULL once erased';
COMMENT ON COLUMN oauth_providers.key_id IS 'the key that encrypted the tokens; NULL: they are not encrypted';
COMMENT ON TABLE refresh_tokens IS 'sessions: opaque tokens, rotated at each use';
COMMENT ON COLUMN refresh_tokens.token_hash IS 'SHA-256 of the token, in hex';
COMMENT ON COLUMN refresh_tokens.family_id IS 'id of the first token of the session; NULL: this is the first';
COMMENT ON COLUMN refresh_tokens.revoked_at IS 'NULL for tokens revoked before this column existed';
