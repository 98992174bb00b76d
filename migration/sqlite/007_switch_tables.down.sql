-- Builds the old tables from the new ones. What the old shape cannot hold is lost: lock-out state, token families, times
-- of revocation, key ids; an erased provider token becomes '' and its expiry the year 1970. Back up first.

DROP TRIGGER update_users_updated_at;
DROP TRIGGER update_oauth_providers_updated_at;
DROP INDEX idx_refresh_tokens_revoked_at;
DROP INDEX idx_refresh_tokens_expires_at;
DROP INDEX idx_refresh_tokens_family_id;
DROP INDEX idx_refresh_tokens_user_id;
DROP INDEX idx_oauth_providers_expires_at;
DROP INDEX idx_oauth_providers_user_id;
DROP INDEX idx_users_locked_until;
DROP INDEX idx_users_last_login;
DROP INDEX idx_users_provider_provider_id;
DROP INDEX idx_users_email_lower;

CREATE TABLE users_next (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL CHECK (length(email) <= 255),
    username TEXT NOT NULL UNIQUE CHECK (length(username) <= 255),
    password_hash TEXT NOT NULL CHECK (length(password_hash) <= 255),
    avatar_url TEXT CHECK (length(avatar_url) <= 500),
    provider TEXT NOT NULL DEFAULT 'email',
    provider_id TEXT CHECK (length(provider_id) <= 255),
    last_login TEXT CHECK (last_login GLOB '????-??-??T??:??:??*+00:00'),
    email_verified BOOLEAN NOT NULL DEFAULT FALSE CHECK (email_verified IN (0, 1)),
    active BOOLEAN NOT NULL DEFAULT TRUE CHECK (active IN (0, 1)),
    failed_login_count INTEGER NOT NULL DEFAULT 0,
    locked_until TEXT CHECK (locked_until GLOB '????-??-??T??:??:??*+00:00'),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (created_at GLOB '????-??-??T??:??:??*+00:00'),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (updated_at GLOB '????-??-??T??:??:??*+00:00'),
    deleted_at TEXT CHECK (deleted_at GLOB '????-??-??T??:??:??*+00:00'),
    CONSTRAINT chk_users_email_format CHECK (email LIKE '_%@_%._%' AND email NOT LIKE '%@%@%' AND email NOT LIKE '% %'),
    CONSTRAINT chk_users_provider_values CHECK (provider IN ('email', 'google', 'github')),
    CONSTRAINT chk_users_password_oauth CHECK ((provider = 'email') = (password_hash <> '')),
    CONSTRAINT chk_users_failed_login_count CHECK (failed_login_count >= 0),
    CONSTRAINT users_email_lower_key UNIQUE (email COLLATE NOCASE)
);

CREATE TABLE oauth_providers_next (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    provider_id TEXT NOT NULL CHECK (length(provider_id) <= 255),
    access_token TEXT,
    refresh_token TEXT,
    expires_at TEXT CHECK (expires_at GLOB '????-??-??T??:??:??*+00:00'),
    key_id TEXT CHECK (length(key_id) <= 64),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (created_at GLOB '????-??-??T??:??:??*+00:00'),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (updated_at GLOB '????-??-??T??:??:??*+00:00'),
    UNIQUE (provider, provider_id),
    CONSTRAINT chk_oauth_provider_values CHECK (provider IN ('google', 'github'))
);

CREATE TABLE refresh_tokens_next (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE CHECK (length(token_hash) <= 255),
    family_id INTEGER,
    expires_at TEXT NOT NULL CHECK (expires_at GLOB '????-??-??T??:??:??*+00:00'),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (created_at GLOB '????-??-??T??:??:??*+00:00'),
    revoked BOOLEAN NOT NULL DEFAULT FALSE CHECK (revoked IN (0, 1)),
    revoked_at TEXT CHECK (revoked_at GLOB '????-??-??T??:??:??*+00:00')
);

INSERT INTO users_next (
    id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified, active,
    failed_login_count, locked_until, created_at, updated_at, deleted_at
)
SELECT
    id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified, active,
    failed_login_count, locked_until, created_at, updated_at, deleted_at
FROM users;
INSERT INTO oauth_providers_next (
    id, user_id, provider, provider_id, access_token, refresh_token, expires_at, key_id, created_at, updated_at
)
SELECT
    id, user_id, provider, provider_id, access_token, refresh_token, expires_at, key_id, created_at, updated_at
FROM oauth_providers;
INSERT INTO refresh_tokens_next (
    id, user_id, token_hash, family_id, expires_at, created_at, revoked, revoked_at
)
SELECT
    id, user_id, token_hash, family_id, expires_at, created_at, revoked, revoked_at
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

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT UNIQUE NOT NULL,
    username TEXT UNIQUE NOT NULL,
    password_hash TEXT NOT NULL,
    avatar_url TEXT,
    provider TEXT NOT NULL DEFAULT 'email',
    provider_id TEXT,
    last_login TEXT,
    email_verified BOOLEAN DEFAULT FALSE,
    active BOOLEAN DEFAULT TRUE,
    created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    deleted_at TEXT
);

CREATE TABLE oauth_providers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    access_token TEXT NOT NULL,
    refresh_token TEXT,
    expires_at TEXT NOT NULL,
    created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    updated_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    UNIQUE (provider, provider_id)
);

CREATE TABLE refresh_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
    revoked BOOLEAN DEFAULT FALSE
);

INSERT INTO users (id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified,
                   active, created_at, updated_at, deleted_at)
SELECT id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified, active,
       created_at, updated_at, deleted_at
FROM users_next;
INSERT INTO oauth_providers (id, user_id, provider, provider_id, access_token, refresh_token, expires_at, created_at,
                             updated_at)
SELECT id, user_id, provider, provider_id, coalesce(access_token, ''), refresh_token,
       coalesce(expires_at, '1970-01-01T00:00:00.000+00:00'), created_at, updated_at
FROM oauth_providers_next;
INSERT INTO refresh_tokens (id, user_id, token_hash, expires_at, created_at, revoked)
SELECT id, user_id, token_hash, expires_at, created_at, revoked
FROM refresh_tokens_next;
DELETE FROM sqlite_sequence WHERE name = 'users';
INSERT INTO sqlite_sequence (name, seq) SELECT 'users', seq FROM sqlite_sequence WHERE name = 'users_next';
DELETE FROM sqlite_sequence WHERE name = 'oauth_providers';
INSERT INTO sqlite_sequence (name, seq) SELECT 'oauth_providers', seq FROM sqlite_sequence WHERE name = 'oauth_providers_next';
DELETE FROM sqlite_sequence WHERE name = 'refresh_tokens';
INSERT INTO sqlite_sequence (name, seq) SELECT 'refresh_tokens', seq FROM sqlite_sequence WHERE name = 'refresh_tokens_next';

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

DELETE FROM refresh_tokens_next;
DELETE FROM oauth_providers_next;
DELETE FROM users_next;
DELETE FROM sqlite_sequence WHERE name IN ('users_next', 'oauth_providers_next', 'refresh_tokens_next');
