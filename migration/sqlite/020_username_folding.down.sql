-- Names are unique only as they are written.

DROP INDEX idx_users_username_shared;
DROP INDEX users_username_folded_key;
