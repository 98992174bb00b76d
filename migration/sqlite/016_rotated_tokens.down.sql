-- Forgets which tokens were used and which were ended, and when sessions began.

ALTER TABLE refresh_tokens DROP COLUMN rotated_at;
ALTER TABLE refresh_tokens DROP COLUMN replaced_by;
ALTER TABLE refresh_tokens DROP COLUMN access_used_at;
ALTER TABLE refresh_tokens DROP COLUMN session_started_at;
