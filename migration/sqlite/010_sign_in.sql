-- migrate: compatible
--
-- What signing in needs besides accounts: where a session is used from, who failed too often without there being an account
-- to lock (clients, and addresses that nobody has), and which OAuth states were used, so that none is used twice. Undone by
-- dropping the columns and the two tables.

ALTER TABLE refresh_tokens ADD COLUMN ip TEXT CHECK (length(ip) <= 45);
ALTER TABLE refresh_tokens ADD COLUMN user_agent TEXT CHECK (length(user_agent) <= 500);

CREATE TABLE login_throttles (
    subject TEXT NOT NULL PRIMARY KEY CHECK (length(subject) <= 80),
    failures INTEGER NOT NULL,
    last_failed_at TEXT NOT NULL CHECK (last_failed_at GLOB '????-??-??T??:??:??*+00:00'),
    blocked_until TEXT CHECK (blocked_until GLOB '????-??-??T??:??:??*+00:00'),
    CONSTRAINT chk_login_throttles_failures CHECK (failures > 0)
);
CREATE INDEX idx_login_throttles_last_failed_at ON login_throttles (last_failed_at);

CREATE TABLE oauth_states (
    state_hash TEXT NOT NULL PRIMARY KEY CHECK (length(state_hash) <= 64),
    expires_at TEXT NOT NULL CHECK (expires_at GLOB '????-??-??T??:??:??*+00:00')
);
CREATE INDEX idx_oauth_states_expires_at ON oauth_states (expires_at);
