-- Statements of this database that read or change data. Other commands, such as ALTER ROLE, may contain secrets, and
-- not every version normalises them.
SET LOCAL statement_timeout = '2s';
WITH ours AS (
    SELECT regexp_replace(left(query, 300), '\s+', ' ', 'g') AS query, calls, total_:time AS total, mean_:time AS mean
    FROM :schema.pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
), slowest AS (
    SELECT query, calls, mean, total
    FROM ours
    WHERE query COLLATE "C" ~* '^\s*(select|insert|update|delete|with|merge)\M'
    ORDER BY total DESC
    LIMIT 10
)
SELECT 'statements', json_build_object('slow', count(*) FILTER (WHERE mean > :slow), 'mean_ms', sum(total) / nullif(sum(calls), 0),
                                       'hidden', count(*) FILTER (WHERE query = '<insufficient privilege>'))
FROM ours
UNION ALL
SELECT 'statement', json_build_object('query', query, 'calls', calls, 'mean_ms', mean, 'total_ms', total)
FROM slowest;
