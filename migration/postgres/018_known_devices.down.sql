-- Forgets known devices, and how far counters have decayed; counters of devices and sessions are removed, because an older version knows
-- none. Locks: ACCESS EXCLUSIVE on users and login_throttles for a moment.

DROP TABLE known_devices;
DELETE FROM login_throttles WHERE subject LIKE 'device:%' OR subject LIKE 'session:%' OR subject LIKE 'pair:%';
ALTER TABLE login_throttles DROP COLUMN failures_as_of, DROP COLUMN pending_attempts, DROP COLUMN pending_until;
COMMENT ON TABLE login_throttles IS 'failed logins by client, and by e-mail address without an account';
COMMENT ON COLUMN login_throttles.subject IS 'ip:ADDRESS (of IPv6 the first 64 bits), or email:SHA-256 of the address in lower case';
COMMENT ON COLUMN login_throttles.failures IS 'in a row, none of them a day after the one before';
ALTER TABLE users DROP COLUMN failed_logins_as_of, DROP COLUMN pending_attempts, DROP COLUMN pending_until;
