-- migrate: compatible
--
-- Tables and columns for login: where a session is used from, failed logins without an account to lock, and used OAuth
-- states. Such failures belong to a client or to an address without an account. A used state is never accepted again.
--
-- Locks: ACCESS EXCLUSIVE on refresh_tokens for the moment of adding two columns without a default, which rewrites no
-- row. The down script drops the columns and the two tables.

ALTER TABLE refresh_tokens ADD COLUMN ip VARCHAR(45) COLLATE "C", ADD COLUMN user_agent VARCHAR(500);
COMMENT ON COLUMN refresh_tokens.ip IS 'address of the client that the token was issued to';
COMMENT ON COLUMN refresh_tokens.user_agent IS 'that client''s name for itself';

CREATE TABLE login_throttles (
    subject VARCHAR(80) COLLATE "C" PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_failed_at TIMESTAMPTZ NOT NULL,
    blocked_until TIMESTAMPTZ,
    CONSTRAINT chk_login_throttles_failures CHECK (failures > 0)
);
CREATE INDEX idx_login_throttles_last_failed_at ON login_throttles (last_failed_at);
COMMENT ON TABLE login_throttles IS 'failed logins by client, and by e-mail address without an account';
COMMENT ON COLUMN login_throttles.subject IS 'ip:ADDRESS (of IPv6 the first 64 bits), or email:SHA-256 of the address in lower case';
COMMENT ON COLUMN login_throttles.failures IS 'in a row, none of them a day after the one before';
COMMENT ON COLUMN login_throttles.blocked_until IS 'no login before this time';

CREATE TABLE oauth_states (
    state_hash VARCHAR(64) COLLATE "C" PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX idx_oauth_states_expires_at ON oauth_states (expires_at);
COMMENT ON TABLE oauth_states IS 'OAuth states that were used, until they would have expired';
COMMENT ON COLUMN oauth_states.state_hash IS 'SHA-256 of the state, in hex';
