-- Counts of events since a time. Events before a second time are counted separately, because their number no longer
-- grows.
SELECT 'failed_logins', json_object('settled', count(*) FILTER (WHERE occurred_at < ':settled'),
                                    'recent', count(*) FILTER (WHERE occurred_at >= ':settled'))
FROM auth_events
WHERE kind = 'login_failed' AND occurred_at >= ':since';

SELECT CASE WHEN finished_at < ':settled' THEN 'settled_deletions' ELSE 'recent_deletions' END, counts
FROM maintenance_runs
WHERE kind = 'cleanup' AND finished_at >= ':since' AND :is_own_run;
