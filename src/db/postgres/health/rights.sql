-- Rights that the service needs and this role does not have, and tables with rows that row security hides from it. The
-- server decides, so that owners, memberships and rights to single columns count. A right to UPDATE also allows locking
-- rows, as the cleanup does.
WITH needed (name, privilege, purpose) AS (
    VALUES ('users', 'SELECT', 'login'), ('users', 'UPDATE', 'login'), ('users', 'INSERT', 'registering'),
           ('oauth_providers', 'SELECT', 'logins through providers'), ('oauth_providers', 'INSERT', 'logins through providers'),
           ('oauth_providers', 'UPDATE', 'logins through providers'),
           ('refresh_tokens', 'SELECT', 'login'), ('refresh_tokens', 'INSERT', 'login'), ('refresh_tokens', 'UPDATE', 'login'),
           ('refresh_tokens', 'DELETE', 'cleanups'),
           ('auth_events', 'SELECT', 'login'), ('auth_events', 'INSERT', 'login'), ('auth_events', 'UPDATE', 'cleanups'),
           ('auth_events', 'DELETE', 'cleanups'),
           ('maintenance_runs', 'SELECT', 'cleanups'), ('maintenance_runs', 'INSERT', 'cleanups'), ('maintenance_runs', 'UPDATE', 'cleanups'),
           ('maintenance_runs', 'DELETE', 'cleanups'),
           ('login_throttles', 'SELECT', 'login'), ('login_throttles', 'INSERT', 'the lock-out'), ('login_throttles', 'UPDATE', 'the lock-out'),
           ('login_throttles', 'DELETE', 'cleanups'),
           ('oauth_states', 'SELECT', 'logins through providers'), ('oauth_states', 'INSERT', 'logins through providers'),
           ('oauth_states', 'UPDATE', 'cleanups'), ('oauth_states', 'DELETE', 'cleanups'),
           ('known_devices', 'SELECT', 'known devices'), ('known_devices', 'INSERT', 'known devices'),
           ('known_devices', 'UPDATE', 'known devices'), ('known_devices', 'DELETE', 'new passwords'),
           ('database_identity', 'SELECT', 'login'), ('authsvc_migrations', 'SELECT', 'reports'), ('seaql_migrations', 'SELECT', 'backups')
), ours AS (
    SELECT c.oid, n.name, n.privilege, n.purpose
    FROM needed n
    JOIN pg_class c ON c.relname = n.name AND c.relkind IN ('r', 'p') AND c.relnamespace = quote_ident(current_schema())::regnamespace
)
SELECT 'missing_right', json_build_object('privilege', privilege, 'object', quote_ident(name), 'purpose', purpose)
FROM ours
WHERE NOT has_table_privilege(oid, privilege) AND (privilege = 'DELETE' OR NOT has_any_column_privilege(oid, privilege))
UNION ALL
-- Sequences that supply the default of a column in such a table. Sequences of identity columns need no right.
SELECT 'missing_right', json_build_object('privilege', r.privilege, 'object', 'SEQUENCE ' || quote_ident(s.relname),
                                          'purpose', CASE r.privilege WHEN 'USAGE' THEN o.purpose ELSE 'backups' END)
FROM ours o
CROSS JOIN (VALUES ('USAGE', 'USAGE, UPDATE'), ('SELECT', 'SELECT')) AS r (privilege, any_of)
JOIN pg_attrdef a ON a.adrelid = o.oid
JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
-- the planner may evaluate this for a relation that is no sequence before it checks the kind
WHERE o.privilege = 'INSERT' AND CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, r.any_of) ELSE false END
UNION ALL
SELECT 'may_write', to_json(count(*) > 0)
FROM ours
WHERE privilege <> 'SELECT' AND has_table_privilege(oid, privilege)
UNION ALL
-- Without a policy for this role, no row is visible and none is accepted.
SELECT 'row_security', json_build_object(
           'table', quote_ident(o.name),
           'has_policy', EXISTS (SELECT FROM pg_policy p
                                 WHERE p.polrelid = o.oid AND p.polpermissive
                                   AND EXISTS (SELECT FROM unnest(p.polroles) AS role (oid) WHERE role.oid = 0 OR pg_has_role(role.oid, 'USAGE'))))
FROM ours o
WHERE o.privilege = 'SELECT' AND row_security_active(o.oid);

