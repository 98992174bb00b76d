-- migrate: compatible
--
-- Counters of failed logins that decay, and devices that an account logged in from. A counter loses one failure per interval:
-- failed_logins_as_of and failures_as_of say up to when that is done. Attempts whose password is being checked are in the count already;
-- pending_attempts says how many they are until pending_until, so that another replica waits for them instead of refusing. All
-- three times are milliseconds since 1970-01-01 UTC, so that both engines divide them alike.
-- An older replica keeps working with the plain counts: failed_login_count and failures still hold whole failures.
--
-- Locks: ACCESS EXCLUSIVE on users and login_throttles for the moment of adding columns with constant defaults, which rewrites
-- nothing; SHARE ROW EXCLUSIVE on users for the foreign key. Undone by dropping the columns and the table.

ALTER TABLE users
    ADD COLUMN failed_logins_as_of BIGINT,
    ADD COLUMN pending_attempts INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN pending_until BIGINT;
COMMENT ON COLUMN users.failed_logins_as_of IS 'milliseconds since 1970 up to which failed_login_count has decayed; NULL: it has not begun to';
COMMENT ON COLUMN users.pending_attempts IS 'attempts within failed_login_count whose password is being checked';
COMMENT ON COLUMN users.pending_until IS 'milliseconds since 1970 after which pending_attempts have failed';

ALTER TABLE login_throttles
    ADD COLUMN failures_as_of BIGINT,
    ADD COLUMN pending_attempts INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN pending_until BIGINT;
COMMENT ON TABLE login_throttles IS 'failed logins by client, by e-mail address without an account, by known device and by session';
COMMENT ON COLUMN login_throttles.subject IS
    'ip:ADDRESS (of IPv6 the first 64 bits), email:SHA-256 of the address in lower case, device:DIGEST of known_devices, session:ID, or pair:SHA-256 of client and address';
COMMENT ON COLUMN login_throttles.failures IS 'as of failures_as_of';
COMMENT ON COLUMN login_throttles.failures_as_of IS 'milliseconds since 1970 up to which failures has decayed; NULL: it has not begun to';
COMMENT ON COLUMN login_throttles.pending_attempts IS 'attempts within failures whose password is being checked';
COMMENT ON COLUMN login_throttles.pending_until IS 'milliseconds since 1970 after which pending_attempts have failed';

CREATE TABLE known_devices (
    digest VARCHAR(64) COLLATE "C" PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind VARCHAR(10) COLLATE "C" NOT NULL,
    last_login_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT chk_known_devices_kind CHECK (kind IN ('cookie', 'address')),
    CONSTRAINT chk_known_devices_last_login_at_range
        CHECK (last_login_at >= to_timestamp('-62135596800'::float8) AND last_login_at < to_timestamp('253402300800'::float8))
);
CREATE INDEX idx_known_devices_user_id ON known_devices (user_id);
CREATE INDEX idx_known_devices_last_login_at ON known_devices (last_login_at);
COMMENT ON TABLE known_devices IS 'devices and addresses that an account logged in from lately; the lock of the account does not refuse them';
COMMENT ON COLUMN known_devices.digest IS 'keyed digest, in hex, of the account with the cookie of the device or with the address of the client';
COMMENT ON COLUMN known_devices.last_login_at IS 'last login; forgotten 90 days later';
