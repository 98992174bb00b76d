-- Forgets where sessions are used from, who is throttled, and which OAuth states were used (they are valid for ten minutes).

DROP TABLE oauth_states;
DROP TABLE login_throttles;
ALTER TABLE refresh_tokens DROP COLUMN user_agent;
ALTER TABLE refresh_tokens DROP COLUMN ip;
