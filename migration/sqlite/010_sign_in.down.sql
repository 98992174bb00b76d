-- Deletes where sessions are used from, failed logins of clients, and used OAuth states, which are valid for ten
-- minutes.

DROP TABLE oauth_states;
DROP TABLE login_throttles;
ALTER TABLE refresh_tokens DROP COLUMN user_agent;
ALTER TABLE refresh_tokens DROP COLUMN ip;
