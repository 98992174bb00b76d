-- Size, rows and last change of every table. In tables of up to 1 MB the rows are counted. For larger ones the planner
-- estimates them: rows per page at the last analysis, times the current pages. The estimate is -1 if the table had no
-- page then or was never analysed. The last change is found by an index. The statements are small, because planning
-- takes longer than running on a new connection. A statement for the other size is planned but reads nothing. An empty
-- line ends each statement.
SELECT 'table', json_build_object(
           'name', c.relname,
           'size_bytes', pg_total_relation_size(c.oid),
           'estimated_rows', CASE WHEN c.reltuples < 0 OR c.relpages = 0 THEN -1
                                  ELSE c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::bigint) END::bigint)
FROM pg_class c
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r'
  AND c.relname IN ('users', 'oauth_providers', 'refresh_tokens', 'auth_events', 'maintenance_runs', 'login_throttles', 'oauth_states',
                    'known_devices', 'database_identity');

SELECT 'counted', json_build_object('name', 'users', 'rows', counted, 'last_update', changed)
FROM (SELECT count(*) AS counted, max(updated_at) AS changed FROM users) all_rows
WHERE (SELECT pg_relation_size('users'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'users', 'last_update',
           greatest((SELECT last_login FROM users WHERE last_login IS NOT NULL ORDER BY last_login DESC LIMIT 1),
                    (SELECT updated_at FROM users ORDER BY id DESC LIMIT 1)))
WHERE pg_relation_size('users'::regclass) > 1048576;

SELECT 'counted', json_build_object('name', 'oauth_providers', 'rows', counted, 'last_update', changed)
FROM (SELECT count(*) AS counted, max(updated_at) AS changed FROM oauth_providers) all_rows
WHERE (SELECT pg_relation_size('oauth_providers'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'oauth_providers', 'last_update', (SELECT updated_at FROM oauth_providers ORDER BY id DESC LIMIT 1))
WHERE pg_relation_size('oauth_providers'::regclass) > 1048576;

SELECT 'counted', json_build_object('name', 'refresh_tokens', 'rows', counted, 'last_update', changed)
FROM (SELECT count(*) AS counted, max(greatest(created_at, revoked_at)) AS changed FROM refresh_tokens) all_rows
WHERE (SELECT pg_relation_size('refresh_tokens'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'refresh_tokens', 'last_update',
           greatest((SELECT max(revoked_at) FROM refresh_tokens WHERE revoked),
                    (SELECT created_at FROM refresh_tokens ORDER BY id DESC LIMIT 1)))
WHERE pg_relation_size('refresh_tokens'::regclass) > 1048576;

SELECT 'counted', json_build_object('name', 'auth_events', 'rows', counted, 'last_update', changed)
FROM (SELECT count(*) AS counted, max(occurred_at) AS changed FROM auth_events) all_rows
WHERE (SELECT pg_relation_size('auth_events'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'auth_events', 'last_update', (SELECT max(occurred_at) FROM auth_events))
WHERE pg_relation_size('auth_events'::regclass) > 1048576;

SELECT 'counted', json_build_object('name', 'maintenance_runs', 'rows', counted, 'last_update', changed)
FROM (SELECT count(*) AS counted, max(greatest(started_at, finished_at)) AS changed FROM maintenance_runs) all_rows
WHERE (SELECT pg_relation_size('maintenance_runs'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'maintenance_runs', 'last_update',
           (SELECT greatest(started_at, finished_at) FROM maintenance_runs ORDER BY id DESC LIMIT 1))
WHERE pg_relation_size('maintenance_runs'::regclass) > 1048576;

SELECT 'counted', json_build_object('name', 'login_throttles', 'rows', counted, 'last_update', changed)
FROM (SELECT count(*) AS counted, max(last_failed_at) AS changed FROM login_throttles) all_rows
WHERE (SELECT pg_relation_size('login_throttles'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'login_throttles', 'last_update', (SELECT max(last_failed_at) FROM login_throttles))
WHERE pg_relation_size('login_throttles'::regclass) > 1048576;

-- No row of this table has a creation time.
SELECT 'counted', json_build_object('name', 'oauth_states', 'rows', counted, 'last_update', NULL)
FROM (SELECT count(*) AS counted FROM oauth_states) all_rows
WHERE (SELECT pg_relation_size('oauth_states'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'oauth_states', 'last_update', NULL)
WHERE pg_relation_size('oauth_states'::regclass) > 1048576;

SELECT 'counted', json_build_object('name', 'known_devices', 'rows', counted, 'last_update', changed)
FROM (SELECT count(*) AS counted, max(last_login_at) AS changed FROM known_devices) all_rows
WHERE (SELECT pg_relation_size('known_devices'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'known_devices', 'last_update', (SELECT max(last_login_at) FROM known_devices))
WHERE pg_relation_size('known_devices'::regclass) > 1048576;

SELECT 'counted', json_build_object('name', 'database_identity', 'rows', counted, 'last_update', changed)
FROM (SELECT count(*) AS counted, max(created_at) AS changed FROM database_identity) all_rows
WHERE (SELECT pg_relation_size('database_identity'::regclass)) <= 1048576;

SELECT 'newest', json_build_object('name', 'database_identity', 'last_update', (SELECT max(created_at) FROM database_identity))
WHERE pg_relation_size('database_identity'::regclass) > 1048576;
