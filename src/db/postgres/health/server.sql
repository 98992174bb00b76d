-- What the server counts anyway; no table of ours is read. It asks the functions beneath the views pg_stat_database, pg_stat_activity
-- and pg_stat_user_tables: on a new connection every catalogue that a view joins costs more than the answer. An empty line ends each
-- statement, and the settings.
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
-- plans that are never run, for tables too large to count, are costly enough to be compiled
SET LOCAL jit = off;

SELECT 'database', pg_stat_get_db_blocks_hit(oid)::text,
       (pg_stat_get_db_blocks_fetched(oid) - pg_stat_get_db_blocks_hit(oid))::text,
       pg_stat_get_db_deadlocks(oid)::text, current_setting('track_counts'), current_setting('transaction_read_only'),
       pg_is_in_recovery()::text,
       CASE WHEN current_setting('transaction_read_only') = 'on'
            THEN (SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only') END
FROM pg_database
WHERE datname = current_database();

-- what this role may not see of other sessions is counted as hidden, and what does not tell itself as disabled; of connections the
-- limit is that of the whole server
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

-- no session has a transaction that was prepared and forgotten
SELECT 'prepared', count(*)::text, coalesce(max(extract(epoch FROM clock_timestamp() - prepared)), 0)::text
FROM pg_prepared_xact()
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database());

SELECT 'scans', sum(pg_stat_get_numscans(c.oid))::text,
       (SELECT sum(pg_stat_get_numscans(i.indexrelid)) FROM pg_index i WHERE i.indrelid = ANY (array_agg(c.oid)))::text
FROM pg_class c
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r';

