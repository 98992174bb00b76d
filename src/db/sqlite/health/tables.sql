-- Size, rows and last change of every table. In a file of up to 16 MB the rows are counted. In a larger file the rows
-- are the highest issued number, sizes are not reported, and the last change is found by an index.
WITH file AS (
    SELECT page_count * page_size <= 16777216 AS small FROM pragma_page_count, pragma_page_size
), sizes AS MATERIALIZED (
    SELECT m.tbl_name AS name, sum(s.pgsize) AS bytes
    FROM file
    JOIN sqlite_schema m
    JOIN dbstat s ON s.name = m.name AND s.aggregate = TRUE
    WHERE file.small
    GROUP BY m.tbl_name
), figures (name, counted, estimate, changed, seen) AS (
    SELECT 'users', CASE WHEN small THEN (SELECT count(*) FROM users) END, (SELECT max(id) FROM users),
           CASE WHEN small THEN (SELECT max(updated_at) FROM users) END,
           max((SELECT max(last_login) FROM users), (SELECT updated_at FROM users ORDER BY id DESC LIMIT 1))
    FROM file
    UNION ALL
    SELECT 'oauth_providers', CASE WHEN small THEN (SELECT count(*) FROM oauth_providers) END, (SELECT max(id) FROM oauth_providers),
           CASE WHEN small THEN (SELECT max(updated_at) FROM oauth_providers) END,
           (SELECT updated_at FROM oauth_providers ORDER BY id DESC LIMIT 1)
    FROM file
    UNION ALL
    SELECT 'refresh_tokens', CASE WHEN small THEN (SELECT count(*) FROM refresh_tokens) END, (SELECT max(id) FROM refresh_tokens),
           CASE WHEN small THEN (SELECT max(max(created_at, coalesce(revoked_at, created_at))) FROM refresh_tokens) END,
           max(coalesce((SELECT max(revoked_at) FROM refresh_tokens WHERE revoked), ''),
               (SELECT created_at FROM refresh_tokens ORDER BY id DESC LIMIT 1))
    FROM file
    UNION ALL
    SELECT 'auth_events', CASE WHEN small THEN (SELECT count(*) FROM auth_events) END, (SELECT max(id) FROM auth_events),
           NULL, (SELECT max(occurred_at) FROM auth_events)
    FROM file
    UNION ALL
    SELECT 'maintenance_runs', CASE WHEN small THEN (SELECT count(*) FROM maintenance_runs) END, (SELECT max(id) FROM maintenance_runs),
           NULL, (SELECT coalesce(finished_at, started_at) FROM maintenance_runs ORDER BY id DESC LIMIT 1)
    FROM file
    UNION ALL
    SELECT 'login_throttles', CASE WHEN small THEN (SELECT count(*) FROM login_throttles) END, (SELECT max(rowid) FROM login_throttles),
           NULL, (SELECT max(last_failed_at) FROM login_throttles)
    FROM file
    UNION ALL
    -- no row of this table has a creation time
    SELECT 'oauth_states', CASE WHEN small THEN (SELECT count(*) FROM oauth_states) END, (SELECT max(rowid) FROM oauth_states), NULL, NULL
    FROM file
    UNION ALL
    SELECT 'known_devices', CASE WHEN small THEN (SELECT count(*) FROM known_devices) END, (SELECT max(rowid) FROM known_devices),
           NULL, (SELECT max(last_login_at) FROM known_devices)
    FROM file
    UNION ALL
    SELECT 'database_identity', CASE WHEN small THEN (SELECT count(*) FROM database_identity) END, (SELECT max(id) FROM database_identity),
           NULL, (SELECT max(created_at) FROM database_identity)
    FROM file
)
SELECT 'table', json_object('name', r.name, 'size_bytes', s.bytes, 'estimated_rows', coalesce(r.estimate, 0))
FROM figures r
LEFT JOIN sizes s ON s.name = r.name
UNION ALL
SELECT 'counted', json_object('name', name, 'rows', counted, 'last_update', coalesce(changed, seen)) FROM figures WHERE counted IS NOT NULL
UNION ALL
SELECT 'newest', json_object('name', name, 'last_update', seen) FROM figures WHERE counted IS NULL;
