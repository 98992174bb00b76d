-- migrate: compatible
--
-- No text that is no time, no number that does not fit, no count that is not a JSON object. SQLite cannot add constraints to a table,
-- so every table is built anew. Existing values are changed: a time that is none becomes 1970 (`locked_until` and `blocked_until`: the end of
-- 9999; `last_login`, `revoked_at` and `finished_at`: NULL), a count that is none becomes 0 or the greatest, a JSON value that is not an object
-- becomes {"value": ...}. Undone by building the tables without these constraints; the changed values stay.

CREATE TABLE users_next (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL CHECK (length(email) <= 255),
    username TEXT NOT NULL UNIQUE CHECK (length(username) <= 255),
    password_hash TEXT NOT NULL CHECK (length(password_hash) <= 255),
    avatar_url TEXT CHECK (length(avatar_url) <= 500),
    provider TEXT NOT NULL DEFAULT 'email',
    provider_id TEXT CHECK (length(provider_id) <= 255),
    last_login TEXT CHECK (
        last_login IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(last_login, 1, 19), '+0 days') IS substr(last_login, 1, 19)
        AND last_login >= '0001' AND (substr(last_login, 20) = '+00:00' OR substr(last_login, 20) GLOB '.*+00:00' AND substr(last_login, 21, length(last_login) - 26) NOT GLOB '*[^0-9]*')
    ),
    email_verified BOOLEAN NOT NULL DEFAULT FALSE CHECK (email_verified IN (0, 1)),
    active BOOLEAN NOT NULL DEFAULT TRUE CHECK (active IN (0, 1)),
    failed_login_count INTEGER NOT NULL DEFAULT 0,
    locked_until TEXT CHECK (
        locked_until IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(locked_until, 1, 19), '+0 days') IS substr(locked_until, 1, 19)
        AND locked_until >= '0001' AND (substr(locked_until, 20) = '+00:00' OR substr(locked_until, 20) GLOB '.*+00:00' AND substr(locked_until, 21, length(locked_until) - 26) NOT GLOB '*[^0-9]*')
    ),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)
        AND created_at >= '0001' AND (substr(created_at, 20) = '+00:00' OR substr(created_at, 20) GLOB '.*+00:00' AND substr(created_at, 21, length(created_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(updated_at, 1, 19), '+0 days') IS substr(updated_at, 1, 19)
        AND updated_at >= '0001' AND (substr(updated_at, 20) = '+00:00' OR substr(updated_at, 20) GLOB '.*+00:00' AND substr(updated_at, 21, length(updated_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    deleted_at TEXT CHECK (
        deleted_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(deleted_at, 1, 19), '+0 days') IS substr(deleted_at, 1, 19)
        AND deleted_at >= '0001' AND (substr(deleted_at, 20) = '+00:00' OR substr(deleted_at, 20) GLOB '.*+00:00' AND substr(deleted_at, 21, length(deleted_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    CONSTRAINT chk_users_email_format CHECK (email LIKE '_%@_%._%' AND email NOT LIKE '%@%@%' AND email NOT LIKE '% %'),
    CONSTRAINT chk_users_provider_values CHECK (provider IN ('email', 'google', 'github')),
    CONSTRAINT chk_users_password_oauth CHECK ((provider = 'email') = (password_hash <> '')),
    CONSTRAINT chk_users_failed_login_count CHECK (
        typeof(failed_login_count) = 'integer' AND failed_login_count BETWEEN 0 AND 2147483647
    ),
    CONSTRAINT users_email_lower_key UNIQUE (email COLLATE NOCASE)
);

CREATE TABLE oauth_providers_next (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    provider_id TEXT NOT NULL CHECK (length(provider_id) <= 255),
    access_token TEXT,
    refresh_token TEXT,
    expires_at TEXT CHECK (
        expires_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(expires_at, 1, 19), '+0 days') IS substr(expires_at, 1, 19)
        AND expires_at >= '0001' AND (substr(expires_at, 20) = '+00:00' OR substr(expires_at, 20) GLOB '.*+00:00' AND substr(expires_at, 21, length(expires_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    key_id TEXT CHECK (length(key_id) <= 64),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)
        AND created_at >= '0001' AND (substr(created_at, 20) = '+00:00' OR substr(created_at, 20) GLOB '.*+00:00' AND substr(created_at, 21, length(created_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(updated_at, 1, 19), '+0 days') IS substr(updated_at, 1, 19)
        AND updated_at >= '0001' AND (substr(updated_at, 20) = '+00:00' OR substr(updated_at, 20) GLOB '.*+00:00' AND substr(updated_at, 21, length(updated_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    UNIQUE (provider, provider_id),
    CONSTRAINT chk_oauth_provider_values CHECK (provider IN ('google', 'github'))
);

CREATE TABLE refresh_tokens_next (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE CHECK (length(token_hash) <= 255),
    family_id INTEGER CHECK (typeof(family_id) IN ('integer', 'null')),
    expires_at TEXT NOT NULL CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(expires_at, 1, 19), '+0 days') IS substr(expires_at, 1, 19)
        AND expires_at >= '0001' AND (substr(expires_at, 20) = '+00:00' OR substr(expires_at, 20) GLOB '.*+00:00' AND substr(expires_at, 21, length(expires_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)
        AND created_at >= '0001' AND (substr(created_at, 20) = '+00:00' OR substr(created_at, 20) GLOB '.*+00:00' AND substr(created_at, 21, length(created_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    revoked BOOLEAN NOT NULL DEFAULT FALSE CHECK (revoked IN (0, 1)),
    revoked_at TEXT CHECK (
        revoked_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(revoked_at, 1, 19), '+0 days') IS substr(revoked_at, 1, 19)
        AND revoked_at >= '0001' AND (substr(revoked_at, 20) = '+00:00' OR substr(revoked_at, 20) GLOB '.*+00:00' AND substr(revoked_at, 21, length(revoked_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    ip TEXT CHECK (length(ip) <= 45),
    user_agent TEXT CHECK (length(user_agent) <= 500)
);

INSERT INTO users_next (id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified, active, failed_login_count, locked_until, created_at, updated_at, deleted_at)
SELECT
    id,
    email,
    username,
    password_hash,
    avatar_url,
    provider,
    provider_id,
    CASE
        WHEN last_login IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(last_login, 1, 19), '+0 days') IS substr(last_login, 1, 19)
        AND last_login >= '0001' AND (substr(last_login, 20) = '+00:00' OR substr(last_login, 20) GLOB '.*+00:00' AND substr(last_login, 21, length(last_login) - 26) NOT GLOB '*[^0-9]*') THEN last_login
        ELSE NULL
    END,
    email_verified,
    active,
    CASE WHEN typeof(failed_login_count) <> 'integer' THEN 0 ELSE min(failed_login_count, 2147483647) END,
    CASE
        WHEN locked_until IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(locked_until, 1, 19), '+0 days') IS substr(locked_until, 1, 19)
        AND locked_until >= '0001' AND (substr(locked_until, 20) = '+00:00' OR substr(locked_until, 20) GLOB '.*+00:00' AND substr(locked_until, 21, length(locked_until) - 26) NOT GLOB '*[^0-9]*') THEN locked_until
        ELSE '9999-12-31T23:59:59.999+00:00'
    END,
    CASE
        WHEN created_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)
        AND created_at >= '0001' AND (substr(created_at, 20) = '+00:00' OR substr(created_at, 20) GLOB '.*+00:00' AND substr(created_at, 21, length(created_at) - 26) NOT GLOB '*[^0-9]*') THEN created_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    CASE
        WHEN updated_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(updated_at, 1, 19), '+0 days') IS substr(updated_at, 1, 19)
        AND updated_at >= '0001' AND (substr(updated_at, 20) = '+00:00' OR substr(updated_at, 20) GLOB '.*+00:00' AND substr(updated_at, 21, length(updated_at) - 26) NOT GLOB '*[^0-9]*') THEN updated_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    CASE
        WHEN deleted_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(deleted_at, 1, 19), '+0 days') IS substr(deleted_at, 1, 19)
        AND deleted_at >= '0001' AND (substr(deleted_at, 20) = '+00:00' OR substr(deleted_at, 20) GLOB '.*+00:00' AND substr(deleted_at, 21, length(deleted_at) - 26) NOT GLOB '*[^0-9]*') THEN deleted_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END
FROM users;
DELETE FROM sqlite_sequence WHERE name = 'users_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'users_next', seq FROM sqlite_sequence WHERE name = 'users';

INSERT INTO oauth_providers_next (id, user_id, provider, provider_id, access_token, refresh_token, expires_at, key_id, created_at, updated_at)
SELECT
    id,
    user_id,
    provider,
    provider_id,
    access_token,
    refresh_token,
    CASE
        WHEN expires_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(expires_at, 1, 19), '+0 days') IS substr(expires_at, 1, 19)
        AND expires_at >= '0001' AND (substr(expires_at, 20) = '+00:00' OR substr(expires_at, 20) GLOB '.*+00:00' AND substr(expires_at, 21, length(expires_at) - 26) NOT GLOB '*[^0-9]*') THEN expires_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    key_id,
    CASE
        WHEN created_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)
        AND created_at >= '0001' AND (substr(created_at, 20) = '+00:00' OR substr(created_at, 20) GLOB '.*+00:00' AND substr(created_at, 21, length(created_at) - 26) NOT GLOB '*[^0-9]*') THEN created_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    CASE
        WHEN updated_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(updated_at, 1, 19), '+0 days') IS substr(updated_at, 1, 19)
        AND updated_at >= '0001' AND (substr(updated_at, 20) = '+00:00' OR substr(updated_at, 20) GLOB '.*+00:00' AND substr(updated_at, 21, length(updated_at) - 26) NOT GLOB '*[^0-9]*') THEN updated_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END
FROM oauth_providers;
DELETE FROM sqlite_sequence WHERE name = 'oauth_providers_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'oauth_providers_next', seq FROM sqlite_sequence WHERE name = 'oauth_providers';

INSERT INTO refresh_tokens_next (id, user_id, token_hash, family_id, expires_at, created_at, revoked, revoked_at, ip, user_agent)
SELECT
    id,
    user_id,
    token_hash,
    CASE WHEN typeof(family_id) = 'integer' THEN family_id END,
    CASE
        WHEN expires_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(expires_at, 1, 19), '+0 days') IS substr(expires_at, 1, 19)
        AND expires_at >= '0001' AND (substr(expires_at, 20) = '+00:00' OR substr(expires_at, 20) GLOB '.*+00:00' AND substr(expires_at, 21, length(expires_at) - 26) NOT GLOB '*[^0-9]*') THEN expires_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    CASE
        WHEN created_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)
        AND created_at >= '0001' AND (substr(created_at, 20) = '+00:00' OR substr(created_at, 20) GLOB '.*+00:00' AND substr(created_at, 21, length(created_at) - 26) NOT GLOB '*[^0-9]*') THEN created_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    revoked,
    CASE
        WHEN revoked_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(revoked_at, 1, 19), '+0 days') IS substr(revoked_at, 1, 19)
        AND revoked_at >= '0001' AND (substr(revoked_at, 20) = '+00:00' OR substr(revoked_at, 20) GLOB '.*+00:00' AND substr(revoked_at, 21, length(revoked_at) - 26) NOT GLOB '*[^0-9]*') THEN revoked_at
        ELSE NULL
    END,
    ip,
    user_agent
FROM refresh_tokens;
DELETE FROM sqlite_sequence WHERE name = 'refresh_tokens_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'refresh_tokens_next', seq FROM sqlite_sequence WHERE name = 'refresh_tokens';

DROP TABLE refresh_tokens;
DROP TABLE oauth_providers;
DROP TABLE users;
ALTER TABLE users_next RENAME TO users;
ALTER TABLE oauth_providers_next RENAME TO oauth_providers;
ALTER TABLE refresh_tokens_next RENAME TO refresh_tokens;

ALTER TABLE auth_events RENAME TO auth_events_old;
CREATE TABLE auth_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    occurred_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(occurred_at, 1, 19), '+0 days') IS substr(occurred_at, 1, 19)
        AND occurred_at >= '0001' AND (substr(occurred_at, 20) = '+00:00' OR substr(occurred_at, 20) GLOB '.*+00:00' AND substr(occurred_at, 21, length(occurred_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    kind TEXT NOT NULL,
    user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    email TEXT CHECK (length(email) <= 255),
    ip TEXT CHECK (length(ip) <= 45),
    user_agent TEXT CHECK (length(user_agent) <= 500),
    detail TEXT,
    CONSTRAINT chk_auth_events_kind CHECK (kind IN (
        'registered', 'login_succeeded', 'login_failed', 'account_locked', 'logout', 'password_changed',
        'email_verified', 'token_refreshed', 'refresh_token_reused', 'oauth_linked', 'oauth_login_failed'
    ))
);
INSERT INTO auth_events (id, occurred_at, kind, user_id, email, ip, user_agent, detail)
SELECT
    id,
    CASE
        WHEN occurred_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(occurred_at, 1, 19), '+0 days') IS substr(occurred_at, 1, 19)
        AND occurred_at >= '0001' AND (substr(occurred_at, 20) = '+00:00' OR substr(occurred_at, 20) GLOB '.*+00:00' AND substr(occurred_at, 21, length(occurred_at) - 26) NOT GLOB '*[^0-9]*') THEN occurred_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    kind,
    user_id,
    email,
    ip,
    user_agent,
    detail
FROM auth_events_old;
DELETE FROM sqlite_sequence WHERE name = 'auth_events';
INSERT INTO sqlite_sequence (name, seq) SELECT 'auth_events', seq FROM sqlite_sequence WHERE name = 'auth_events_old';
DROP TABLE auth_events_old;

ALTER TABLE maintenance_runs RENAME TO maintenance_runs_old;
CREATE TABLE maintenance_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(started_at, 1, 19), '+0 days') IS substr(started_at, 1, 19)
        AND started_at >= '0001' AND (substr(started_at, 20) = '+00:00' OR substr(started_at, 20) GLOB '.*+00:00' AND substr(started_at, 21, length(started_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    finished_at TEXT CHECK (
        finished_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(finished_at, 1, 19), '+0 days') IS substr(finished_at, 1, 19)
        AND finished_at >= '0001' AND (substr(finished_at, 20) = '+00:00' OR substr(finished_at, 20) GLOB '.*+00:00' AND substr(finished_at, 21, length(finished_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    outcome TEXT,
    counts TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(counts) AND json_type(counts) = 'object'),
    error TEXT,
    CONSTRAINT chk_maintenance_runs_kind
        CHECK (kind IN ('cleanup', 'backup', 'verify', 'restore', 'migrate', 'rollback', 'seed')),
    CONSTRAINT chk_maintenance_runs_outcome CHECK (outcome IN ('succeeded', 'failed', 'cancelled'))
);
INSERT INTO maintenance_runs (id, kind, started_at, finished_at, outcome, counts, error)
SELECT
    id,
    kind,
    CASE
        WHEN started_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(started_at, 1, 19), '+0 days') IS substr(started_at, 1, 19)
        AND started_at >= '0001' AND (substr(started_at, 20) = '+00:00' OR substr(started_at, 20) GLOB '.*+00:00' AND substr(started_at, 21, length(started_at) - 26) NOT GLOB '*[^0-9]*') THEN started_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    CASE
        WHEN finished_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(finished_at, 1, 19), '+0 days') IS substr(finished_at, 1, 19)
        AND finished_at >= '0001' AND (substr(finished_at, 20) = '+00:00' OR substr(finished_at, 20) GLOB '.*+00:00' AND substr(finished_at, 21, length(finished_at) - 26) NOT GLOB '*[^0-9]*') THEN finished_at
        ELSE NULL
    END,
    outcome,
    CASE WHEN json_type(counts) = 'object' THEN counts ELSE json_object('value', json(counts)) END,
    error
FROM maintenance_runs_old;
DELETE FROM sqlite_sequence WHERE name = 'maintenance_runs';
INSERT INTO sqlite_sequence (name, seq) SELECT 'maintenance_runs', seq FROM sqlite_sequence WHERE name = 'maintenance_runs_old';
DROP TABLE maintenance_runs_old;

ALTER TABLE login_throttles RENAME TO login_throttles_old;
CREATE TABLE login_throttles (
    subject TEXT NOT NULL PRIMARY KEY CHECK (length(subject) <= 80),
    failures INTEGER NOT NULL,
    last_failed_at TEXT NOT NULL CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(last_failed_at, 1, 19), '+0 days') IS substr(last_failed_at, 1, 19)
        AND last_failed_at >= '0001' AND (substr(last_failed_at, 20) = '+00:00' OR substr(last_failed_at, 20) GLOB '.*+00:00' AND substr(last_failed_at, 21, length(last_failed_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    blocked_until TEXT CHECK (
        blocked_until IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(blocked_until, 1, 19), '+0 days') IS substr(blocked_until, 1, 19)
        AND blocked_until >= '0001' AND (substr(blocked_until, 20) = '+00:00' OR substr(blocked_until, 20) GLOB '.*+00:00' AND substr(blocked_until, 21, length(blocked_until) - 26) NOT GLOB '*[^0-9]*')
    ),
    CONSTRAINT chk_login_throttles_failures CHECK (typeof(failures) = 'integer' AND failures BETWEEN 1 AND 2147483647)
);
INSERT INTO login_throttles (subject, failures, last_failed_at, blocked_until)
SELECT
    subject,
    CASE WHEN typeof(failures) <> 'integer' THEN 1 ELSE min(failures, 2147483647) END,
    CASE
        WHEN last_failed_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(last_failed_at, 1, 19), '+0 days') IS substr(last_failed_at, 1, 19)
        AND last_failed_at >= '0001' AND (substr(last_failed_at, 20) = '+00:00' OR substr(last_failed_at, 20) GLOB '.*+00:00' AND substr(last_failed_at, 21, length(last_failed_at) - 26) NOT GLOB '*[^0-9]*') THEN last_failed_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END,
    CASE
        WHEN blocked_until IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(blocked_until, 1, 19), '+0 days') IS substr(blocked_until, 1, 19)
        AND blocked_until >= '0001' AND (substr(blocked_until, 20) = '+00:00' OR substr(blocked_until, 20) GLOB '.*+00:00' AND substr(blocked_until, 21, length(blocked_until) - 26) NOT GLOB '*[^0-9]*') THEN blocked_until
        ELSE '9999-12-31T23:59:59.999+00:00'
    END
FROM login_throttles_old;
DROP TABLE login_throttles_old;

ALTER TABLE oauth_states RENAME TO oauth_states_old;
CREATE TABLE oauth_states (
    state_hash TEXT NOT NULL PRIMARY KEY CHECK (length(state_hash) <= 64),
    expires_at TEXT NOT NULL CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(expires_at, 1, 19), '+0 days') IS substr(expires_at, 1, 19)
        AND expires_at >= '0001' AND (substr(expires_at, 20) = '+00:00' OR substr(expires_at, 20) GLOB '.*+00:00' AND substr(expires_at, 21, length(expires_at) - 26) NOT GLOB '*[^0-9]*')
    )
);
INSERT INTO oauth_states (state_hash, expires_at)
SELECT
    state_hash,
    CASE
        WHEN expires_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(expires_at, 1, 19), '+0 days') IS substr(expires_at, 1, 19)
        AND expires_at >= '0001' AND (substr(expires_at, 20) = '+00:00' OR substr(expires_at, 20) GLOB '.*+00:00' AND substr(expires_at, 21, length(expires_at) - 26) NOT GLOB '*[^0-9]*') THEN expires_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END
FROM oauth_states_old;
DROP TABLE oauth_states_old;

ALTER TABLE database_identity RENAME TO database_identity_old;
CREATE TABLE database_identity (
    id INTEGER PRIMARY KEY,
    database_id TEXT NOT NULL,
    epoch TEXT NOT NULL,
    created_at TEXT NOT NULL CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)
        AND created_at >= '0001' AND (substr(created_at, 20) = '+00:00' OR substr(created_at, 20) GLOB '.*+00:00' AND substr(created_at, 21, length(created_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    CONSTRAINT chk_database_identity_one_row CHECK (id = 1),
    CONSTRAINT chk_database_identity_database_id CHECK (length(database_id) = 36),
    CONSTRAINT chk_database_identity_epoch CHECK (length(epoch) = 36)
);
INSERT INTO database_identity (id, database_id, epoch, created_at)
SELECT
    id,
    database_id,
    epoch,
    CASE
        WHEN created_at IS NULL OR strftime('%Y-%m-%dT%H:%M:%S', substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19)
        AND created_at >= '0001' AND (substr(created_at, 20) = '+00:00' OR substr(created_at, 20) GLOB '.*+00:00' AND substr(created_at, 21, length(created_at) - 26) NOT GLOB '*[^0-9]*') THEN created_at
        ELSE '1970-01-01T00:00:00.000+00:00'
    END
FROM database_identity_old;
DROP TABLE database_identity_old;

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
CREATE INDEX idx_auth_events_occurred_at ON auth_events (occurred_at);
CREATE INDEX idx_auth_events_user_id_occurred_at ON auth_events (user_id, occurred_at);
CREATE INDEX idx_auth_events_kind_occurred_at ON auth_events (kind, occurred_at);
CREATE INDEX idx_maintenance_runs_kind_started_at ON maintenance_runs (kind, started_at);
CREATE INDEX idx_login_throttles_last_failed_at ON login_throttles (last_failed_at);
CREATE INDEX idx_oauth_states_expires_at ON oauth_states (expires_at);

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
