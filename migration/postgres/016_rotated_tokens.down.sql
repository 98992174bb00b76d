-- Forgets which tokens were used and which were ended, and when sessions began.
-- Locks: ACCESS EXCLUSIVE on refresh_tokens for a moment.

ALTER TABLE refresh_tokens
    DROP COLUMN rotated_at,
    DROP COLUMN replaced_by,
    DROP COLUMN access_used_at,
    DROP COLUMN session_started_at;
