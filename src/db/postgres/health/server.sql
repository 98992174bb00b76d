-- Counters of the server. No table of the program is read. The queries call the functions behind the views
-- pg_stat_database, pg_stat_activity and pg_stat_user_tables. On a new connection each catalogue that a view joins
-- costs more than the query. An empty line ends the settings and each statement.
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
-- The planner estimate for tables that are too large to count would trigger a compilation, although these plans never
-- run.
SET LOCAL jit = off;

SELECT 'database', json_build_object(
           'blocks_hit', pg_stat_get_db_blocks_hit(oid),
           'blocks_read', pg_stat_get_db_blocks_fetched(oid) - pg_stat_get_db_blocks_hit(oid),
           'deadlocks', pg_stat_get_db_deadlocks(oid),
           'is_counting', current_setting('track_counts') = 'on',
           'is_read_only', current_setting('transaction_read_only') = 'on',
           'is_standby', pg_is_in_recovery(),
           'read_only_source', CASE WHEN current_setting('transaction_read_only') = 'on'
                                    THEN (SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only') END)
FROM pg_database
WHERE datname = current_database();

-- Sessions that this role may not see are counted as hidden, and sessions that do not report their state as disabled.
-- The limit of connections is that of the whole server.
SELECT 'sessions', json_build_object(
           'active', count(*) FILTER (WHERE is_other AND state = 'active'),
           'idle', count(*) FILTER (WHERE is_other AND state = 'idle'),
           'idle_in_transaction', count(*) FILTER (WHERE is_other AND state LIKE 'idle in transaction%'),
           'hidden', count(*) FILTER (WHERE is_other AND usesysid <> 0 AND state IS NULL AND query = '<insufficient privilege>'),
           'disabled', count(*) FILTER (WHERE is_other AND state = 'disabled'),
           'statement_seconds', coalesce(json_agg(extract(epoch FROM clock_timestamp() - query_start))
                                             FILTER (WHERE is_other AND state = 'active' AND query_start IS NOT NULL), '[]'),
           'oldest_transaction', coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE is_other), 0),
           'connections', count(*) FILTER (WHERE datid <> 0 AND usesysid <> 0),
           'max_connections', current_setting('max_connections')::integer)
FROM (SELECT *, pid <> pg_backend_pid() AND datid = (SELECT oid FROM pg_database WHERE datname = current_database()) AS is_other
      FROM pg_stat_get_activity(NULL)) activity
WHERE backend_type IS NULL OR backend_type = 'client backend';

-- Prepared transactions that were left open belong to no session.
SELECT 'prepared', json_build_object('count', count(*), 'oldest', coalesce(max(extract(epoch FROM clock_timestamp() - prepared)), 0))
FROM pg_prepared_xact()
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database());

SELECT 'scans', json_build_object(
           'of_tables', sum(pg_stat_get_numscans(c.oid)),
           'of_indexes', (SELECT sum(pg_stat_get_numscans(i.indexrelid)) FROM pg_index i WHERE i.indrelid = ANY (array_agg(c.oid))))
FROM pg_class c
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r';

