-- migrate: compatible
--
-- What signing in needs besides accounts: where a session is used from, who failed too often without there being an account
-- to lock (clients, and addresses that nobody has), and which OAuth states were used, so that none is used twice.
--
-- Locks: ACCESS EXCLUSIVE on refresh_tokens for the moment of adding two columns without a default, which rewrites
-- nothing. Undone by dropping them and the two tables.

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
