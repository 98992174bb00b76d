-- Counts of events since a time. Events before a second time are counted separately, because their number no longer
-- grows.
SELECT 'failed', CAST(count(*) FILTER (WHERE occurred_at < ':settled') AS TEXT), CAST(count(*) FILTER (WHERE occurred_at >= ':settled') AS TEXT)
FROM auth_events
WHERE kind = 'login_failed' AND occurred_at >= ':since';

SELECT 'deleted', CASE WHEN finished_at < ':settled' THEN 'settled' ELSE 'recent' END, counts
FROM maintenance_runs
WHERE kind = 'cleanup' AND finished_at >= ':since' AND :is_own_run;
