-- Objects of the program that do not belong to the role that migrates, their owners, and that role.
WITH actor AS (
    SELECT coalesce(
        (SELECT found.owner
         FROM (SELECT c.relowner AS owner FROM pg_class c
               WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
                 AND c.relname IN ('users', 'migration_records', 'authsvc_migrations')
               ORDER BY c.relname DESC LIMIT 1) found
         WHERE pg_has_role(current_user, found.owner,
                           CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
           AND has_schema_privilege(found.owner, current_schema(), 'CREATE')),
        (SELECT oid FROM pg_roles WHERE rolname = current_user)) AS role
)
SELECT owned.object, pg_get_userbyid(owned.owner)::text, pg_get_userbyid(actor.role)::text
FROM actor, (SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || c.relname AS object, c.relowner AS owner
             FROM pg_class c
             WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p', 'S')
               AND c.relname IN (:relations)
             UNION ALL
             SELECT 'function ' || p.proname, p.proowner FROM pg_proc p
             WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND p.proname IN (:functions)) owned
WHERE owned.owner <> actor.role
ORDER BY 1;
