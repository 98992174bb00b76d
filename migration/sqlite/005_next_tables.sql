-- First of three steps to required columns, checks, lock-out state, token families and half of the indexes: makes the
-- tables of the final shape beside the old ones. Undone by dropping them.
--
-- Addresses are unique without regard to case by a constraint and not, as in PostgreSQL, by an index on lower(email):
-- SeaORM's schema sync drops unique indexes on expressions. 007 adds the index that lookups use.

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
