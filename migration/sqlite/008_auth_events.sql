-- migrate: compatible
--
-- The trail of what happened to accounts: logins, failures, lockouts, token reuse, links. Rows are only added, and
-- removed after their retention. Undone by dropping the table.

CREATE TABLE auth_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    occurred_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) CHECK (occurred_at GLOB '????-??-??T??:??:??*+00:00'),
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
CREATE INDEX idx_auth_events_occurred_at ON auth_events (occurred_at);
CREATE INDEX idx_auth_events_user_id_occurred_at ON auth_events (user_id, occurred_at);
CREATE INDEX idx_auth_events_kind_occurred_at ON auth_events (kind, occurred_at);
