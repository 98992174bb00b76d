-- migrate: compatible
--
-- The trail of what happened to accounts: logins, failures, lockouts, token reuse, links. Rows are only added, and
-- removed after their retention.
--
-- Locks: SHARE ROW EXCLUSIVE on users for the moment of adding the foreign key of an empty table. Undone by dropping the
-- table.

CREATE TABLE auth_events (
    id BIGSERIAL PRIMARY KEY,
    occurred_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    kind VARCHAR(50) COLLATE "C" NOT NULL,
    user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    email VARCHAR(255),
    ip VARCHAR(45) COLLATE "C",
    user_agent VARCHAR(500),
    detail TEXT,
    CONSTRAINT chk_auth_events_kind CHECK (kind IN (
        'registered', 'login_succeeded', 'login_failed', 'account_locked', 'logout', 'password_changed',
        'email_verified', 'token_refreshed', 'refresh_token_reused', 'oauth_linked', 'oauth_login_failed'
    ))
);
CREATE INDEX idx_auth_events_occurred_at ON auth_events (occurred_at);
CREATE INDEX idx_auth_events_user_id_occurred_at ON auth_events (user_id, occurred_at);
CREATE INDEX idx_auth_events_kind_occurred_at ON auth_events (kind, occurred_at);

COMMENT ON TABLE auth_events IS 'trail of what happened to accounts';
COMMENT ON COLUMN auth_events.user_id IS 'NULL: no such account, or it was deleted since';
COMMENT ON COLUMN auth_events.email IS 'the address that was tried';
COMMENT ON COLUMN auth_events.ip IS 'address of the client';
