-- Counts of accounts and tokens. The queries scan users and refresh_tokens. Soft-deleted accounts are excluded. Times
-- are those of the server clock. An empty line ends the settings and each statement.
SET LOCAL statement_timeout = '10s';
SET LOCAL lock_timeout = '1s';

SELECT 'users', count(*)::text, count(*) FILTER (WHERE active)::text, count(*) FILTER (WHERE email_verified)::text,
       count(*) FILTER (WHERE provider <> 'email')::text, count(*) FILTER (WHERE provider = 'email')::text,
       count(*) FILTER (WHERE last_login > CURRENT_TIMESTAMP - INTERVAL '7 days')::text,
       count(*) FILTER (WHERE NOT email_verified)::text,
       count(*) FILTER (WHERE last_login IS NULL OR last_login < CURRENT_TIMESTAMP - INTERVAL '90 days')::text,
       count(*) FILTER (WHERE locked_until > CURRENT_TIMESTAMP)::text
FROM users
WHERE deleted_at IS NULL;

SELECT 'tokens', count(*) FILTER (WHERE NOT revoked AND expires_at > CURRENT_TIMESTAMP)::text,
       count(*) FILTER (WHERE NOT revoked AND expires_at <= CURRENT_TIMESTAMP)::text,
       count(*) FILTER (WHERE revoked)::text
FROM refresh_tokens;

SELECT 'oauth_tokens', count(*)::text
FROM oauth_providers
WHERE access_token IS NOT NULL AND expires_at <= CURRENT_TIMESTAMP;

SELECT 'failed_logins', count(*)::text
FROM auth_events
WHERE kind = 'login_failed' AND occurred_at > CURRENT_TIMESTAMP - INTERVAL '24 hours';

SELECT 'suspicious',
       ((SELECT count(*) FROM auth_events
         WHERE kind = 'refresh_token_reused' AND occurred_at > CURRENT_TIMESTAMP - INTERVAL '24 hours')
        + (SELECT count(*) FROM (SELECT ip FROM auth_events
                                 WHERE kind = 'login_failed' AND occurred_at > CURRENT_TIMESTAMP - INTERVAL '1 hour' AND ip IS NOT NULL
                                 GROUP BY ip HAVING count(*) >= 20) addresses))::text;

-- Backups in BACKUP_DIR, recognised by their names: their number, and the newest one.
SELECT 'placed', (count(*) OVER ())::text, r.counts::text
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
SELECT 'run', r.kind, r.outcome,
       to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
       to_char(r.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
       r.counts::text, r.error
FROM (SELECT DISTINCT ON (kind, outcome) kind, outcome, started_at, finished_at, counts, error
      FROM maintenance_runs
      WHERE started_at <= CURRENT_TIMESTAMP + INTERVAL '5 minutes' AND :is_own_run
      ORDER BY kind, outcome, started_at DESC) r
ORDER BY r.started_at DESC;

SELECT 'identity', database_id FROM database_identity WHERE id = 1;
