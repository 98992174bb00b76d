-- migrate: compatible
--
-- Counters of failed logins that decay, and devices that an account logged in from. A counter loses one failure per interval:
-- failed_logins_as_of and failures_as_of say up to when that is done. Attempts whose password is being checked are in the count already;
-- pending_attempts says how many they are until pending_until, so that another process waits for them instead of refusing. All
-- three times are milliseconds since 1970-01-01 UTC, so that both engines divide them alike.
-- An older version keeps working with the plain counts: failed_login_count and failures still hold whole failures.
--
-- Undone by dropping the columns and the table.

ALTER TABLE users ADD COLUMN failed_logins_as_of INTEGER CHECK (typeof(failed_logins_as_of) IN ('integer', 'null'));
ALTER TABLE users ADD COLUMN pending_attempts INTEGER NOT NULL DEFAULT 0 CHECK (typeof(pending_attempts) = 'integer');
ALTER TABLE users ADD COLUMN pending_until INTEGER CHECK (typeof(pending_until) IN ('integer', 'null'));

ALTER TABLE login_throttles ADD COLUMN failures_as_of INTEGER CHECK (typeof(failures_as_of) IN ('integer', 'null'));
ALTER TABLE login_throttles ADD COLUMN pending_attempts INTEGER NOT NULL DEFAULT 0 CHECK (typeof(pending_attempts) = 'integer');
ALTER TABLE login_throttles ADD COLUMN pending_until INTEGER CHECK (typeof(pending_until) IN ('integer', 'null'));

CREATE TABLE known_devices (
    digest TEXT NOT NULL PRIMARY KEY CHECK (length(digest) <= 64),
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    last_login_at TEXT NOT NULL CHECK (
        strftime('%Y-%m-%dT%H:%M:%S', substr(last_login_at, 1, 19), '+0 days') IS substr(last_login_at, 1, 19)
        AND last_login_at >= '0001' AND (substr(last_login_at, 20) = '+00:00' OR substr(last_login_at, 20) GLOB '.*+00:00' AND substr(last_login_at, 21, length(last_login_at) - 26) NOT GLOB '*[^0-9]*')
    ),
    CONSTRAINT chk_known_devices_kind CHECK (kind IN ('cookie', 'address'))
);
CREATE INDEX idx_known_devices_user_id ON known_devices (user_id);
CREATE INDEX idx_known_devices_last_login_at ON known_devices (last_login_at);
