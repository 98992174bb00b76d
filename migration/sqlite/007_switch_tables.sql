-- Last of three steps: copies every row into the next tables and puts these in the place of the old ones. NULL means what
-- it meant to queries that said `= TRUE` and `= FALSE`: not active, not verified, revoked. The counters of ids go on where
-- they were. Undone by building the old tables from the new ones.

INSERT INTO users_next (id, email, username, password_hash, avatar_url, provider, provider_id, last_login,
                        email_verified, active, created_at, updated_at, deleted_at)
SELECT id, email, username, password_hash, avatar_url, provider, provider_id, last_login,
       coalesce(email_verified, FALSE), coalesce(active, FALSE),
       coalesce(created_at, updated_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
       coalesce(updated_at, created_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')), deleted_at
FROM users;

INSERT INTO oauth_providers_next (id, user_id, provider, provider_id, access_token, refresh_token, expires_at,
                                  created_at, updated_at)
SELECT id, user_id, provider, provider_id, access_token, refresh_token, expires_at,
       coalesce(created_at, updated_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
       coalesce(updated_at, created_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))
FROM oauth_providers;

INSERT INTO refresh_tokens_next (id, user_id, token_hash, expires_at, created_at, revoked)
SELECT id, user_id, token_hash, expires_at, coalesce(created_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')), coalesce(revoked, TRUE)
FROM refresh_tokens;

DELETE FROM sqlite_sequence WHERE name = 'users_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'users_next', seq FROM sqlite_sequence WHERE name = 'users';
DELETE FROM sqlite_sequence WHERE name = 'oauth_providers_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'oauth_providers_next', seq FROM sqlite_sequence WHERE name = 'oauth_providers';
DELETE FROM sqlite_sequence WHERE name = 'refresh_tokens_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'refresh_tokens_next', seq FROM sqlite_sequence WHERE name = 'refresh_tokens';

DROP TABLE refresh_tokens;
DROP TABLE oauth_providers;
DROP TABLE users;
ALTER TABLE users_next RENAME TO users;
ALTER TABLE oauth_providers_next RENAME TO oauth_providers;
ALTER TABLE refresh_tokens_next RENAME TO refresh_tokens;

CREATE INDEX idx_users_email_lower ON users (lower(email));
CREATE INDEX idx_users_provider_provider_id ON users (provider, provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX idx_users_last_login ON users (last_login);
CREATE INDEX idx_users_locked_until ON users (locked_until) WHERE locked_until IS NOT NULL;
CREATE INDEX idx_oauth_providers_user_id ON oauth_providers (user_id);
CREATE INDEX idx_oauth_providers_expires_at ON oauth_providers (expires_at) WHERE access_token IS NOT NULL;
CREATE INDEX idx_refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX idx_refresh_tokens_family_id ON refresh_tokens (family_id) WHERE family_id IS NOT NULL;
CREATE INDEX idx_refresh_tokens_expires_at ON refresh_tokens (expires_at);
CREATE INDEX idx_refresh_tokens_revoked_at ON refresh_tokens (revoked_at) WHERE revoked;

CREATE TRIGGER update_users_updated_at AFTER UPDATE ON users
    WHEN NEW.updated_at IS OLD.updated_at
BEGIN
    UPDATE users SET updated_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') WHERE id = NEW.id;
END;
CREATE TRIGGER update_oauth_providers_updated_at AFTER UPDATE ON oauth_providers
    WHEN NEW.updated_at IS OLD.updated_at
BEGIN
    UPDATE oauth_providers SET updated_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') WHERE id = NEW.id;
END;
