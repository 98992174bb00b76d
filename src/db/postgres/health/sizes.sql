-- the tables' figures for a role that may not read every one: size and the planner's estimate need no right
SET LOCAL statement_timeout = '1s';
SET LOCAL lock_timeout = '500ms';
SELECT 'table', relname::text, pg_total_relation_size(oid)::text,
       CASE WHEN reltuples < 0 OR relpages = 0 THEN -1
            ELSE reltuples / relpages * (pg_relation_size(oid) / current_setting('block_size')::bigint) END::bigint::text,
       'unread', NULL
FROM pg_class
WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind = 'r'
  AND relname IN ('users', 'oauth_providers', 'refresh_tokens', 'auth_events', 'maintenance_runs');
