-- Counters of the server. No table of the program is read. The queries call the functions behind the views
-- pg_stat_database, pg_stat_activity and pg_stat_user_tables. On a new connection each catalogue that a view joins
-- costs more than the query. An empty line ends the settings and each statement.
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
-- The planner estimate for tables that are too large to count would trigger a compilation, although these plans never
-- run.
SET LOCAL jit = off;

SELECT 'database', pg_stat_get_db_blocks_hit(oid)::text,
       (pg_stat_get_db_blocks_fetched(oid) - pg_stat_get_db_blocks_hit(oid))::text,
       pg_stat_get_db_deadlocks(oid)::text, current_setting('track_counts'), current_setting('transaction_read_only'),
       pg_is_in_recovery()::text,
       CASE WHEN current_setting('transaction_read_only') = 'on'
            THEN (SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only') END
FROM pg_database
WHERE datname = current_database();

-- Sessions that this role may not see are counted as hidden, and sessions that do not report their state as disabled.
-- The limit of connections is that of the whole server.
SELECT 'sessions',
       count(*) FILTER (WHERE is_other AND state = 'active')::text,
       count(*) FILTER (WHERE is_other AND state = 'idle')::text,
       count(*) FILTER (WHERE is_other AND state LIKE 'idle in transaction%')::text,
       count(*) FILTER (WHERE is_other AND usesysid <> 0 AND state IS NULL AND query = '<insufficient privilege>')::text,
       coalesce(string_agg(extract(epoch FROM clock_timestamp() - query_start)::text, ',') FILTER (WHERE is_other AND state = 'active'), ''),
       coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE is_other), 0)::text,
       count(*) FILTER (WHERE is_other AND state = 'disabled')::text,
       count(*) FILTER (WHERE datid <> 0 AND usesysid <> 0)::text, current_setting('max_connections')
FROM (SELECT *, pid <> pg_backend_pid() AND datid = (SELECT oid FROM pg_database WHERE datname = current_database()) AS is_other
      FROM pg_stat_get_activity(NULL)) activity
WHERE backend_type IS NULL OR backend_type = 'client backend';

-- Prepared transactions that were left open belong to no session.
SELECT 'prepared', count(*)::text, coalesce(max(extract(epoch FROM clock_timestamp() - prepared)), 0)::text
FROM pg_prepared_xact()
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database());

SELECT 'scans', sum(pg_stat_get_numscans(c.oid))::text,
       (SELECT sum(pg_stat_get_numscans(i.indexrelid)) FROM pg_index i WHERE i.indrelid = ANY (array_agg(c.oid)))::text
FROM pg_class c
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r';

