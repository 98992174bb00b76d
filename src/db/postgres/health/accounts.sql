-- Counts of accounts and tokens. The queries scan users and refresh_tokens. Soft-deleted accounts are excluded. Times
-- are those of the server clock. An empty line ends the settings and each statement.
SET LOCAL statement_timeout = '10s';
SET LOCAL lock_timeout = '1s';

SELECT 'accounts', json_build_object(
           'total_users', count(*),
           'active_users', count(*) FILTER (WHERE active),
           'verified_users', count(*) FILTER (WHERE email_verified),
           'oauth_users', count(*) FILTER (WHERE provider <> 'email'),
           'email_users', count(*) FILTER (WHERE provider = 'email'),
           'recent_logins', count(*) FILTER (WHERE last_login > CURRENT_TIMESTAMP - INTERVAL '7 days'),
           'unverified_accounts', count(*) FILTER (WHERE NOT email_verified),
           'inactive_accounts', count(*) FILTER (WHERE last_login IS NULL OR last_login < CURRENT_TIMESTAMP - INTERVAL '90 days'),
           'locked_accounts', count(*) FILTER (WHERE locked_until > CURRENT_TIMESTAMP))
FROM users
WHERE deleted_at IS NULL;

SELECT 'accounts', json_build_object(
           'active_tokens', count(*) FILTER (WHERE NOT revoked AND expires_at > CURRENT_TIMESTAMP),
           'expired_tokens', count(*) FILTER (WHERE NOT revoked AND expires_at <= CURRENT_TIMESTAMP),
           'revoked_tokens', count(*) FILTER (WHERE revoked))
FROM refresh_tokens;

SELECT 'accounts', json_build_object('expired_oauth_tokens', count(*))
FROM oauth_providers
WHERE access_token IS NOT NULL AND expires_at <= CURRENT_TIMESTAMP;

SELECT 'accounts', json_build_object('failed_login_attempts', count(*))
FROM auth_events
WHERE kind = 'login_failed' AND occurred_at > CURRENT_TIMESTAMP - INTERVAL '24 hours';

SELECT 'accounts', json_build_object('suspicious_activity',
       (SELECT count(*) FROM auth_events
        WHERE kind = 'refresh_token_reused' AND occurred_at > CURRENT_TIMESTAMP - INTERVAL '24 hours')
       + (SELECT count(*) FROM (SELECT ip FROM auth_events
                                WHERE kind = 'login_failed' AND occurred_at > CURRENT_TIMESTAMP - INTERVAL '1 hour' AND ip IS NOT NULL
                                GROUP BY ip HAVING count(*) >= 20) addresses));

-- Backups in BACKUP_DIR, recognised by their names: their number, and the newest one.
SELECT 'placed', json_build_object('recorded', count(*) OVER (), 'name', r.counts ->> 'filename', 'host', r.counts ->> 'host',
                                   'directory', r.counts ->> 'directory')
FROM maintenance_runs r
WHERE r.kind = 'backup' AND r.outcome = 'succeeded' AND r.counts ->> 'filename' LIKE 'backup!_%' ESCAPE '!'
  AND r.started_at <= CURRENT_TIMESTAMP + INTERVAL '5 minutes'
  -- runs that a restore brought from another database do not count
  AND :is_own_run
ORDER BY r.started_at DESC
LIMIT 1;

-- Runs with a start time in the future, recorded under a wrong clock.
SELECT 'future_runs', count(*)::text
FROM maintenance_runs
WHERE started_at > CURRENT_TIMESTAMP + INTERVAL '5 minutes' AND :is_own_run;

-- The newest run of each kind and outcome, except runs from the future.
SELECT 'run', json_build_object('kind', r.kind, 'outcome', r.outcome, 'started_at', r.started_at, 'finished_at', r.finished_at,
                                'bytes', r.counts -> 'bytes', 'error', r.error)
FROM (SELECT DISTINCT ON (kind, outcome) kind, outcome, started_at, finished_at, counts, error
      FROM maintenance_runs
      WHERE started_at <= CURRENT_TIMESTAMP + INTERVAL '5 minutes' AND :is_own_run
      ORDER BY kind, outcome, started_at DESC) r
ORDER BY r.started_at DESC;

SELECT 'database_id', to_json(database_id) FROM database_identity WHERE id = 1;
