WITH objects AS (
    SELECT type, name, tbl_name, sql
    FROM sqlite_schema
    WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'
      AND tbl_name NOT IN ('seaql_migrations', 'authsvc_migrations', 'migration_records')
)
SELECT 'fact', type || ' ' || iif(type IN ('table', 'view'), '', tbl_name || '.') || name, NULL, sql
FROM objects
UNION ALL
SELECT 'fact', 'column ' || o.name || '.' || c.name,
       lower(c.type) || iif(c."notnull", ' not null', '') || coalesce(' default ' || c.dflt_value, '') || iif(c.pk, ' primary key', ''),
       NULL
FROM objects o, pragma_table_xinfo(o.name) c
WHERE o.type = 'table';
