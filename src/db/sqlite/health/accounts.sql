-- Counts of accounts and tokens. The queries scan users and refresh_tokens. Soft-deleted accounts are excluded. All
-- times are texts of one format.
SELECT 'accounts', json_object(
           'total_users', count(*),
           'active_users', count(*) FILTER (WHERE active),
           'verified_users', count(*) FILTER (WHERE email_verified),
           'oauth_users', count(*) FILTER (WHERE provider <> 'email'),
           'email_users', count(*) FILTER (WHERE provider = 'email'),
           'recent_logins', count(*) FILTER (WHERE last_login > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-7 days')),
           'unverified_accounts', count(*) FILTER (WHERE NOT email_verified),
           'inactive_accounts', count(*) FILTER (WHERE last_login IS NULL OR last_login < strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-90 days')),
           'locked_accounts', count(*) FILTER (WHERE locked_until > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')))
FROM users
WHERE deleted_at IS NULL;

SELECT 'accounts', json_object(
           'active_tokens', count(*) FILTER (WHERE NOT revoked AND expires_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
           'expired_tokens', count(*) FILTER (WHERE NOT revoked AND expires_at <= strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
           'revoked_tokens', count(*) FILTER (WHERE revoked))
FROM refresh_tokens;

SELECT 'accounts', json_object('expired_oauth_tokens', count(*))
FROM oauth_providers
WHERE access_token IS NOT NULL AND expires_at <= strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now');

SELECT 'accounts', json_object('failed_login_attempts', count(*))
FROM auth_events
WHERE kind = 'login_failed' AND occurred_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-24 hours');

SELECT 'accounts', json_object('suspicious_activity',
       (SELECT count(*) FROM auth_events
        WHERE kind = 'refresh_token_reused' AND occurred_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-24 hours'))
       + (SELECT count(*) FROM (SELECT ip FROM auth_events
                                WHERE kind = 'login_failed' AND occurred_at > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-1 hour') AND ip IS NOT NULL
                                GROUP BY ip HAVING count(*) >= 20) addresses));

-- Backups in BACKUP_DIR, recognised by their names: their number, and the newest one.
SELECT 'placed', json_object('recorded', count(*) OVER (), 'name', counts ->> 'filename', 'host', counts ->> 'host',
                             'directory', counts ->> 'directory')
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
SELECT 'run', json_object('kind', kind, 'outcome', outcome, 'started_at', max(started_at), 'finished_at', finished_at,
                          'bytes', counts -> 'bytes', 'error', error)
FROM maintenance_runs
WHERE started_at <= strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+5 minutes') AND :is_own_run
GROUP BY kind, outcome
ORDER BY max(started_at) DESC;

SELECT 'database_id', json_quote(database_id) FROM database_identity WHERE id = 1;
