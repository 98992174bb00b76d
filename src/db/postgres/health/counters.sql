-- Counts of events since a time. Events before a second time are counted separately, because their number no longer
-- grows. An empty line ends the settings and each statement.
SET LOCAL statement_timeout = '2s';

SELECT 'failed', count(*) FILTER (WHERE occurred_at < ':settled')::text, count(*) FILTER (WHERE occurred_at >= ':settled')::text
FROM auth_events
WHERE kind = 'login_failed' AND occurred_at >= ':since';

SELECT 'deleted', CASE WHEN finished_at < ':settled' THEN 'settled' ELSE 'recent' END, counts::text
FROM maintenance_runs
WHERE kind = 'cleanup' AND finished_at >= ':since' AND :is_own_run;
