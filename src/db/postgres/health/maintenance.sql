-- Size, indexes, sequences, sessions, the schema of pg_stat_statements, and transaction ids. An empty line ends the
-- settings and each statement.
SET LOCAL statement_timeout = '5s';
SET LOCAL lock_timeout = '1s';
SET LOCAL jit = off;

SELECT 'database_size', pg_database_size(current_database())::text;

WITH ours AS (
    SELECT i.indexrelid, i.indrelid, t.relname::text || '.' || c.relname::text AS name, i.indisunique, i.indisvalid,
           i.indkey::text AS columns, i.indclass::text AS classes, i.indcollation::text AS collations, i.indoption::text AS options,
           coalesce(pg_get_expr(i.indexprs, i.indrelid), '') AS expressions, coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS predicate,
           c.relam, s.idx_scan, sum(s.idx_scan) OVER (PARTITION BY i.indrelid) AS scans_of_table
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_class t ON t.oid = i.indrelid
    LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = i.indexrelid
    WHERE t.relnamespace = quote_ident(current_schema())::regnamespace
)
-- An index that is being built is not yet valid.
SELECT 'invalid_index', to_json(name) FROM ours
WHERE NOT indisvalid AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = ours.indexrelid)
UNION ALL
SELECT 'unused_index', to_json(name) FROM ours WHERE idx_scan = 0 AND NOT indisunique AND indisvalid AND scans_of_table >= 1000
UNION ALL
-- The other index begins with the same columns, or has the same columns and the lower id. A longer index does not
-- replace a unique one.
SELECT 'duplicate_index', json_build_object('name', one.name, 'other', min(other.name))
FROM ours one
JOIN ours other ON other.indrelid = one.indrelid AND other.indexrelid <> one.indexrelid AND other.relam = one.relam
    AND other.expressions = one.expressions AND other.predicate = one.predicate
    AND ((other.columns = one.columns AND other.classes = one.classes AND other.collations = one.collations AND other.options = one.options
          AND (NOT one.indisunique OR other.indisunique) AND (other.indisunique > one.indisunique OR other.indexrelid < one.indexrelid))
         OR (NOT one.indisunique AND one.expressions = '' AND starts_with(other.columns, one.columns || ' ')
             AND starts_with(other.classes, one.classes || ' ') AND starts_with(other.collations, one.collations || ' ')
             AND starts_with(other.options, one.options || ' ')))
GROUP BY one.name;

-- A sequence that has issued no number has no last value. The last value of a sequence that this role may not read is
-- unknown, and there is then no result.
SELECT 'sequence_used', CASE WHEN bool_and(may_read) THEN max(coalesce(last_value, 0)::numeric / max_value) END::text
FROM (SELECT last_value, max_value,
             has_sequence_privilege(quote_ident(schemaname) || '.' || quote_ident(sequencename), 'USAGE, SELECT') AS may_read
      FROM pg_sequences
      WHERE schemaname = current_schema() AND increment_by > 0) ours;

SELECT 'dead_rows', json_build_object('table', relname, 'dead', n_dead_tup)
FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND n_dead_tup > 100000 AND n_dead_tup > n_live_tup;

SELECT 'session', json_build_object(
           'pid', pid,
           'application', coalesce(application_name, ''),
           'state', state,
           'wait', nullif(concat_ws(': ', wait_event_type, wait_event), ''),
           'seconds', extract(epoch FROM clock_timestamp() - CASE WHEN state = 'active' THEN query_start ELSE xact_start END),
           'command', coalesce(upper(substring(query COLLATE "C" FROM '^\s*([A-Za-z]+)')), ''))
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND (state = 'active' OR state LIKE 'idle in transaction%')
  AND CASE WHEN state = 'active' THEN query_start ELSE xact_start END < clock_timestamp() - INTERVAL '1 second'
ORDER BY CASE WHEN state = 'active' THEN query_start ELSE xact_start END
LIMIT 10;

SELECT 'statement_view', json_build_object(
           'schema', quote_ident(n.nspname),
           'time', CASE WHEN EXISTS (SELECT FROM pg_attribute a
                                     WHERE a.attrelid = c.oid AND a.attname = 'total_exec_time') THEN 'exec_time' ELSE 'time' END)
FROM pg_extension e
JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.objid AND c.relname = 'pg_stat_statements'
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE e.extname = 'pg_stat_statements';

-- The last statement: a row of it shows that every statement ran.
SELECT 'last', json_build_object('transaction_id_age', age(datfrozenxid), 'is_counting', current_setting('track_counts') = 'on')
FROM pg_database
WHERE datname = current_database();
