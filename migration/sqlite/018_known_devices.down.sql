-- Forgets known devices, and how far counters have decayed; counters of devices and sessions are removed, because an older version knows
-- none.

DROP TABLE known_devices;
DELETE FROM login_throttles WHERE subject LIKE 'device:%' OR subject LIKE 'session:%' OR subject LIKE 'pair:%';
ALTER TABLE login_throttles DROP COLUMN failures_as_of;
ALTER TABLE login_throttles DROP COLUMN pending_attempts;
ALTER TABLE login_throttles DROP COLUMN pending_until;
ALTER TABLE users DROP COLUMN failed_logins_as_of;
ALTER TABLE users DROP COLUMN pending_attempts;
ALTER TABLE users DROP COLUMN pending_until;
