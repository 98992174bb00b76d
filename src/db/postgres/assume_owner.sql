-- The owner of the authsvc tables also owns what a migration creates beside them, if this role may act as that owner.
SELECT set_config('role', pg_get_userbyid(found.owner), :local)
FROM (SELECT c.relowner AS owner FROM pg_class c
      WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
        AND c.relname IN ('users', 'migration_records', 'authsvc_migrations')
      ORDER BY c.relname DESC LIMIT 1) found
WHERE found.owner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
  AND pg_has_role(current_user, found.owner,
                  CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
  AND has_schema_privilege(found.owner, current_schema(), 'CREATE');
