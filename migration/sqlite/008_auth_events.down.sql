-- Drops the trail. Back up first.

DROP TABLE auth_events;
