-- what the server counts anyway; no table of ours is read. What this role may not see of other sessions is counted as hidden.
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
SELECT 'database', blks_hit::text, blks_read::text, deadlocks::text, pg_database_size(datid)::text
FROM pg_stat_database
WHERE datname = current_database();

SELECT 'sessions',
       count(*) FILTER (WHERE state = 'active')::text,
       count(*) FILTER (WHERE state = 'idle')::text,
       count(*) FILTER (WHERE state LIKE 'idle in transaction%')::text,
       count(*) FILTER (WHERE usesysid IS NOT NULL AND state IS NULL AND query = '<insufficient privilege>')::text,
       coalesce(string_agg(extract(epoch FROM clock_timestamp() - query_start)::text, ',') FILTER (WHERE state = 'active'), ''),
       coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::text,
       current_setting('max_connections')
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND (backend_type IS NULL OR backend_type = 'client backend');

SELECT 'scans', sum(coalesce(seq_scan, 0))::text, sum(coalesce(idx_scan, 0))::text
FROM pg_stat_user_tables
WHERE schemaname = current_schema();
