-- Size, rows and last change of every table. In tables of up to 1 MB the rows are counted. For larger ones the planner
-- estimates them: rows per page at the last analysis, times the current pages. The estimate is -1 if the table had no
-- page then or was never analysed. The last change is found by an index. The statements are small, because planning
-- takes longer than running on a new connection. A statement for the other size is planned but reads nothing. An empty
-- line ends each statement.
SELECT 'table', c.relname::text, pg_total_relation_size(c.oid)::text,
       CASE WHEN c.reltuples < 0 OR c.relpages = 0 THEN -1
            ELSE c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::bigint) END::bigint::text
FROM pg_class c
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r'
  AND c.relname IN ('users', 'oauth_providers', 'refresh_tokens', 'auth_events', 'maintenance_runs', 'login_throttles', 'oauth_states',
                    'known_devices', 'database_identity');

SELECT 'counted', 'users', counted, changed
FROM (SELECT count(*)::text AS counted, to_json(max(updated_at)) #>> '{}' AS changed FROM users) all_rows
WHERE (SELECT pg_relation_size('users'::regclass)) <= 1048576;

SELECT 'newest', 'users', to_json(greatest((SELECT last_login FROM users WHERE last_login IS NOT NULL ORDER BY last_login DESC LIMIT 1),
                                           (SELECT updated_at FROM users ORDER BY id DESC LIMIT 1))) #>> '{}'
WHERE pg_relation_size('users'::regclass) > 1048576;

SELECT 'counted', 'oauth_providers', counted, changed
FROM (SELECT count(*)::text AS counted, to_json(max(updated_at)) #>> '{}' AS changed FROM oauth_providers) all_rows
WHERE (SELECT pg_relation_size('oauth_providers'::regclass)) <= 1048576;

SELECT 'newest', 'oauth_providers', to_json((SELECT updated_at FROM oauth_providers ORDER BY id DESC LIMIT 1)) #>> '{}'
WHERE pg_relation_size('oauth_providers'::regclass) > 1048576;

SELECT 'counted', 'refresh_tokens', counted, changed
FROM (SELECT count(*)::text AS counted, to_json(max(greatest(created_at, revoked_at))) #>> '{}' AS changed FROM refresh_tokens) all_rows
WHERE (SELECT pg_relation_size('refresh_tokens'::regclass)) <= 1048576;

SELECT 'newest', 'refresh_tokens', to_json(greatest((SELECT max(revoked_at) FROM refresh_tokens WHERE revoked),
                                                    (SELECT created_at FROM refresh_tokens ORDER BY id DESC LIMIT 1))) #>> '{}'
WHERE pg_relation_size('refresh_tokens'::regclass) > 1048576;

SELECT 'counted', 'auth_events', counted, changed
FROM (SELECT count(*)::text AS counted, to_json(max(occurred_at)) #>> '{}' AS changed FROM auth_events) all_rows
WHERE (SELECT pg_relation_size('auth_events'::regclass)) <= 1048576;

SELECT 'newest', 'auth_events', to_json((SELECT max(occurred_at) FROM auth_events)) #>> '{}'
WHERE pg_relation_size('auth_events'::regclass) > 1048576;

SELECT 'counted', 'maintenance_runs', counted, changed
FROM (SELECT count(*)::text AS counted, to_json(max(greatest(started_at, finished_at))) #>> '{}' AS changed FROM maintenance_runs) all_rows
WHERE (SELECT pg_relation_size('maintenance_runs'::regclass)) <= 1048576;

SELECT 'newest', 'maintenance_runs', to_json((SELECT greatest(started_at, finished_at) FROM maintenance_runs ORDER BY id DESC LIMIT 1)) #>> '{}'
WHERE pg_relation_size('maintenance_runs'::regclass) > 1048576;

SELECT 'counted', 'login_throttles', counted, changed
FROM (SELECT count(*)::text AS counted, to_json(max(last_failed_at)) #>> '{}' AS changed FROM login_throttles) all_rows
WHERE (SELECT pg_relation_size('login_throttles'::regclass)) <= 1048576;

SELECT 'newest', 'login_throttles', to_json((SELECT max(last_failed_at) FROM login_throttles)) #>> '{}'
WHERE pg_relation_size('login_throttles'::regclass) > 1048576;

-- No row of this table has a creation time.
SELECT 'counted', 'oauth_states', counted, NULL
FROM (SELECT count(*)::text AS counted FROM oauth_states) all_rows
WHERE (SELECT pg_relation_size('oauth_states'::regclass)) <= 1048576;

SELECT 'newest', 'oauth_states', NULL
WHERE pg_relation_size('oauth_states'::regclass) > 1048576;

SELECT 'counted', 'known_devices', counted, changed
FROM (SELECT count(*)::text AS counted, to_json(max(last_login_at)) #>> '{}' AS changed FROM known_devices) all_rows
WHERE (SELECT pg_relation_size('known_devices'::regclass)) <= 1048576;

SELECT 'newest', 'known_devices', to_json((SELECT max(last_login_at) FROM known_devices)) #>> '{}'
WHERE pg_relation_size('known_devices'::regclass) > 1048576;

SELECT 'counted', 'database_identity', counted, changed
FROM (SELECT count(*)::text AS counted, to_json(max(created_at)) #>> '{}' AS changed FROM database_identity) all_rows
WHERE (SELECT pg_relation_size('database_identity'::regclass)) <= 1048576;

SELECT 'newest', 'database_identity', to_json((SELECT max(created_at) FROM database_identity)) #>> '{}'
WHERE pg_relation_size('database_identity'::regclass) > 1048576;
