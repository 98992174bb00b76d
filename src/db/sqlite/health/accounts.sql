-- Counts of accounts and tokens. The queries scan users and refresh_tokens. Soft-deleted accounts are excluded. All
-- times are texts of one format.
SELECT 'users', CAST(count(*) AS TEXT), CAST(count(*) FILTER (WHERE active) AS TEXT), CAST(count(*) FILTER (WHERE email_verified) AS TEXT),
       CAST(count(*) FILTER (WHERE provider <> 'email') AS TEXT), CAST(count(*) FILTER (WHERE provider = 'email') AS TEXT),
       CAST(count(*) FILTER (WHERE last_login > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-7 days')) AS TEXT),
       CAST(count(*) FILTER (WHERE NOT email_verified) AS TEXT),
       CAST(count(*) FILTER (WHERE last_login IS NULL OR last_login < strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-90 days')) AS TEXT),
       CAST(count(*) FILTER (WHERE locked_until > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) AS TEXT)
FROM users
WHERE deleted_at IS NULL;

SELECT 'tokens', CAST(count(*) FILTER (WHERE NOT revoked AND expires_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) AS TEXT),
       CAST(count(*) FILTER (WHERE NOT revoked AND expires_at <= strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')) AS TEXT),
       CAST(count(*) FILTER (WHERE revoked) AS TEXT)
FROM refresh_tokens;

SELECT 'oauth_tokens', CAST(count(*) AS TEXT)
FROM oauth_providers
WHERE access_token IS NOT NULL AND expires_at <= strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now');

SELECT 'failed_logins', CAST(count(*) AS TEXT)
FROM auth_events
WHERE kind = 'login_failed' AND occurred_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-24 hours');

SELECT 'suspicious',
       CAST(((SELECT count(*) FROM auth_events
         WHERE kind = 'refresh_token_reused' AND occurred_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-24 hours'))
        + (SELECT count(*) FROM (SELECT ip FROM auth_events
                                 WHERE kind = 'login_failed' AND occurred_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-1 hour') AND ip IS NOT NULL
                                 GROUP BY ip HAVING count(*) >= 20) addresses)) AS TEXT);

-- Backups in BACKUP_DIR, recognised by their names: their number, and the newest one.
SELECT 'placed', CAST(count(*) OVER () AS TEXT), counts
FROM maintenance_runs
WHERE kind = 'backup' AND outcome = 'succeeded' AND counts ->> 'filename' LIKE 'backup!_%' ESCAPE '!'
  AND started_at <= strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+5 minutes')
  -- runs that a restore brought from another database do not count
  AND :is_own_run
ORDER BY started_at DESC
LIMIT 1;

-- Runs with a start time in the future, recorded under a wrong clock.
SELECT 'future_runs', CAST(count(*) AS TEXT)
FROM maintenance_runs
WHERE started_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+5 minutes') AND :is_own_run;

-- The newest run of each kind and outcome, except runs from the future. SQLite takes the other columns from the row
-- with the greatest start time.
SELECT 'run', kind, outcome, max(started_at), finished_at, counts, error
FROM maintenance_runs
WHERE started_at <= strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+5 minutes') AND :is_own_run
GROUP BY kind, outcome
ORDER BY max(started_at) DESC;

SELECT 'identity', database_id FROM database_identity WHERE id = 1;
