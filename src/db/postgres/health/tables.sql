-- size, rows and last change of every table. Up to 1 MB the rows are counted; beyond that it is the planner's estimate (rows a page
-- when last analysed, times the pages now; -1: it had no page then, or never was) and the last change is that which an index tells.
WITH sizes AS (
    SELECT c.oid, c.relname, pg_relation_size(c.oid) AS bytes, pg_total_relation_size(c.oid) AS total, c.reltuples, c.relpages
    FROM pg_class c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r'
      AND c.relname IN ('users', 'oauth_providers', 'refresh_tokens', 'auth_events', 'maintenance_runs')
), measured AS (
    SELECT relname, total, bytes <= 1048576 AS small,
           CASE WHEN reltuples < 0 OR relpages = 0 THEN -1
                ELSE reltuples / relpages * (bytes / current_setting('block_size')::bigint) END::bigint AS estimate
    FROM sizes
)
SELECT 'table', relname::text, total::text,
       CASE WHEN NOT small THEN estimate
            WHEN relname = 'users' THEN (SELECT count(*) FROM users)
            WHEN relname = 'oauth_providers' THEN (SELECT count(*) FROM oauth_providers)
            WHEN relname = 'refresh_tokens' THEN (SELECT count(*) FROM refresh_tokens)
            WHEN relname = 'auth_events' THEN (SELECT count(*) FROM auth_events)
            WHEN relname = 'maintenance_runs' THEN (SELECT count(*) FROM maintenance_runs) END::text,
       CASE WHEN small THEN 'exact' ELSE 'estimate' END,
       to_char(CASE
            WHEN relname = 'users' AND small THEN (SELECT max(updated_at) FROM users)
            WHEN relname = 'users' THEN greatest((SELECT max(last_login) FROM users), (SELECT updated_at FROM users ORDER BY id DESC LIMIT 1))
            WHEN relname = 'oauth_providers' AND small THEN (SELECT max(updated_at) FROM oauth_providers)
            WHEN relname = 'oauth_providers' THEN (SELECT updated_at FROM oauth_providers ORDER BY id DESC LIMIT 1)
            WHEN relname = 'refresh_tokens' AND small THEN (SELECT max(greatest(created_at, revoked_at)) FROM refresh_tokens)
            WHEN relname = 'refresh_tokens' THEN greatest((SELECT max(revoked_at) FROM refresh_tokens WHERE revoked),
                                                          (SELECT created_at FROM refresh_tokens ORDER BY id DESC LIMIT 1))
            WHEN relname = 'auth_events' THEN (SELECT max(occurred_at) FROM auth_events)
            WHEN relname = 'maintenance_runs' THEN (SELECT greatest(started_at, finished_at) FROM maintenance_runs ORDER BY id DESC LIMIT 1)
       END AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
FROM measured;
