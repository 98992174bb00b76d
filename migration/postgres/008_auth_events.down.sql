-- Drops the audit log. Back up first.

DROP TABLE auth_events;
