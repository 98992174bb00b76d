-- State of the authsvc constraints, triggers and functions, and of foreign keys of other tables to its tables, in the
-- columns of relation_facts.sql.
WITH tables AS (
    SELECT c.oid, c.relname
    FROM pg_class c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (:tables)
), constraints AS (
    SELECT k.oid, k.contype, k.convalidated, k.conname, format('%I', t.relname) AS of_table, pg_get_constraintdef(k.oid, TRUE) AS text, FALSE AS is_foreign,
           -- the server chooses the name of a NOT NULL constraint
           CASE k.contype WHEN 'n' THEN 'not-null constraint of ' || t.relname || '.' || (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1])
                ELSE format('constraint %s.%s', t.relname, k.conname) END AS object
    FROM tables t
    JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype <> 't'
    UNION ALL
    SELECT k.oid, k.contype, k.convalidated, k.conname, k.conrelid::regclass::text, pg_get_constraintdef(k.oid), TRUE,
           format('foreign key %s of %s', k.conname, k.conrelid::regclass)
    FROM tables t
    JOIN pg_constraint k ON k.confrelid = t.oid AND k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> ALL (SELECT o.oid FROM tables o)
), triggers AS (
    SELECT g.oid, g.tgname, g.tgenabled, t.relname, format('trigger %s.%s', t.relname, g.tgname) AS object, pg_get_triggerdef(g.oid, TRUE) AS text
    FROM tables t
    JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
), functions AS (
    SELECT p.*, format('function %s(%s)', p.proname, oidvectortypes(p.proargtypes)) AS object,
           format('%s %I(%s)', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, p.proname, pg_get_function_identity_arguments(p.oid)) AS target,
           to_jsonb(p) - ARRAY['oid', 'proname', 'pronamespace', 'proowner', 'procost', 'prosecdef', 'proleakproof', 'proisstrict', 'provolatile',
               'proparallel', 'prorettype', 'proargtypes', 'proallargtypes', 'proargdefaults', 'prosrc', 'prosqlbody', 'proconfig', 'proacl', 'prorows'] AS others
    FROM pg_proc p
    WHERE p.pronamespace = quote_ident(current_schema())::regnamespace
      AND format('%s(%s)', p.proname, oidvectortypes(p.proargtypes)) = ANY (:functions)
), facts AS (
    -- foreign keys of other tables are validated after the swap
    SELECT CASE WHEN k.is_foreign OR k.contype = 'f' THEN 3 ELSE 0 END AS rank, k.object, 'definition' AS property,
           CASE WHEN k.is_foreign THEN replace(k.text, ' NOT VALID', '') ELSE k.text END AS value,
           format('ALTER TABLE %s ADD CONSTRAINT %I %s%s', k.of_table, k.conname, k.text,
                  CASE WHEN k.is_foreign AND k.convalidated AND (SELECT c.relkind FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid WHERE o.oid = k.oid) <> 'p' THEN ' NOT VALID' ELSE '' END) AS set,
           NULL AS unset
    FROM constraints k
    UNION ALL
    SELECT 4, k.object, 'triggers', string_agg(DISTINCT g.tgenabled::text, ', '), NULL, NULL
    FROM constraints k
    JOIN pg_trigger g ON g.tgconstraint = k.oid AND g.tgisinternal
    GROUP BY k.object
    UNION ALL
    SELECT 5, k.object, 'comment', d.description, format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, k.of_table, d.description),
           format('COMMENT ON CONSTRAINT %I ON %s IS NULL', k.conname, k.of_table)
    FROM constraints k
    JOIN pg_description d ON d.classoid = 'pg_constraint'::regclass AND d.objoid = k.oid
    UNION ALL
    SELECT 3, t.object, 'definition', t.text, t.text, NULL FROM triggers t
    UNION ALL
    SELECT 4, t.object, 'enabled', e.how, format('ALTER TABLE %I %s TRIGGER %I', t.relname, e.how, t.tgname), NULL
    FROM triggers t
    CROSS JOIN LATERAL (SELECT CASE t.tgenabled WHEN 'O' THEN 'ENABLE' WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END AS how) e
    UNION ALL
    SELECT 5, t.object, 'comment', d.description, format('COMMENT ON TRIGGER %I ON %I IS %L', t.tgname, t.relname, d.description),
           format('COMMENT ON TRIGGER %I ON %I IS NULL', t.tgname, t.relname)
    FROM triggers t
    JOIN pg_description d ON d.classoid = 'pg_trigger'::regclass AND d.objoid = t.oid
    UNION ALL
    SELECT 2, t.object, 'extension', pg_describe_object(d.refclassid, d.refobjid, 0), NULL, NULL
    FROM triggers t
    JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e'
    UNION ALL
    SELECT 5, t.object, 'dependence on the extension ' || e.extname, 'yes', format('ALTER TRIGGER %I ON %I DEPENDS ON EXTENSION %I', t.tgname, t.relname, e.extname),
           format('ALTER TRIGGER %I ON %I NO DEPENDS ON EXTENSION %I', t.tgname, t.relname, e.extname)
    FROM triggers t
    JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x'
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    UNION ALL
    SELECT 2, f.object, 'definition', concat_ws(' ', pg_get_function_arguments(f.oid), 'returns', pg_get_function_result(f.oid), f.prosrc, to_jsonb(f) ->> 'prosqlbody'), NULL, NULL
    FROM functions f
    UNION ALL
    SELECT 1, f.object, 'owner', pg_get_userbyid(f.proowner), format('ALTER %s OWNER TO %I', f.target, pg_get_userbyid(f.proowner)), NULL
    FROM functions f
    UNION ALL
    SELECT 2, f.object, o.property, o.value, format('ALTER %s %s', f.target, o.value), NULL
    FROM functions f
    CROSS JOIN LATERAL (VALUES
        ('volatility', CASE f.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END),
        ('parallel safety', CASE f.proparallel WHEN 's' THEN 'PARALLEL SAFE' WHEN 'r' THEN 'PARALLEL RESTRICTED' ELSE 'PARALLEL UNSAFE' END),
        ('answer to NULL', CASE WHEN f.proisstrict THEN 'STRICT' ELSE 'CALLED ON NULL INPUT' END),
        ('leakproof', CASE WHEN f.proleakproof THEN 'LEAKPROOF' ELSE 'NOT LEAKPROOF' END),
        ('rights', CASE WHEN f.prosecdef THEN 'SECURITY DEFINER' ELSE 'SECURITY INVOKER' END),
        ('cost', 'COST ' || f.procost),
        ('rows', CASE WHEN f.proretset THEN 'ROWS ' || f.prorows END)) AS o (property, value)
    UNION ALL
    SELECT 2, f.object, 'settings', array_to_string(f.proconfig, ', '),
           (SELECT string_agg(format('ALTER %s SET %I TO %s', f.target, split_part(o, '=', 1),
                       -- the value of a list is already quoted
                       CASE WHEN split_part(o, '=', 1) IN ('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries')
                            THEN substr(o, strpos(o, '=') + 1) ELSE quote_literal(substr(o, strpos(o, '=') + 1)) END), '; ') FROM unnest(f.proconfig) o),
           format('ALTER %s RESET ALL', f.target)
    FROM functions f WHERE f.proconfig IS NOT NULL
    UNION ALL
    SELECT 2, f.object, j.key, j.value, NULL, NULL
    FROM functions f CROSS JOIN LATERAL jsonb_each_text(f.others) j
    UNION ALL
    SELECT 8, f.object, 'privileges', p.value, p.set, format('REVOKE ALL ON %s FROM %s CASCADE', f.target, p.grantees)
    FROM functions f
    CROSS JOIN LATERAL (
        SELECT
               -- owners are printed as such, because rights of another owner of the object are an equal state
               string_agg(format('%s has %s%s by %s', g.told_grantee, g.privilege_type, CASE WHEN g.is_grantable THEN ' with grant option' ELSE '' END, g.told_grantor), ', ' ORDER BY g.told_grantee, g.privilege_type, g.told_grantor) AS value,
               CASE WHEN bool_and(g.is_owner OR pg_has_role(g.by_oid, 'MEMBER')) THEN
                   string_agg(CASE WHEN g.is_owner THEN '' ELSE format('SET LOCAL ROLE %s; ', g.grantor) END
                       || format('GRANT %s ON %s TO %s%s', g.privilege_type, f.target, g.grantee, CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
                       || CASE WHEN g.is_owner THEN '' ELSE format('; SET LOCAL ROLE %I', current_user) END, '; ' ORDER BY NOT g.is_owner, g.at) END AS set,
               string_agg(DISTINCT g.grantee, ', ') AS grantees
        FROM (SELECT a.ordinality AS at, a.privilege_type, a.is_grantable, a.grantor AS by_oid, a.grantor = f.proowner AS is_owner,
                     CASE a.grantee WHEN f.proowner THEN 'the owner' WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS told_grantee,
                     CASE a.grantor WHEN f.proowner THEN 'the owner' ELSE quote_ident(pg_get_userbyid(a.grantor)) END AS told_grantor,
                     quote_ident(pg_get_userbyid(a.grantor)) AS grantor,
                     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
              FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) WITH ORDINALITY a) g
    ) p
    UNION ALL
    SELECT 5, f.object, 'comment', d.description, format('COMMENT ON %s IS %L', f.target, d.description), format('COMMENT ON %s IS NULL', f.target)
    FROM functions f
    JOIN pg_description d ON d.classoid = 'pg_proc'::regclass AND d.objoid = f.oid
    UNION ALL
    SELECT 5, f.object, 'label of ' || l.provider, l.label, format('SECURITY LABEL FOR %I ON %s IS %L', l.provider, f.target, l.label),
           format('SECURITY LABEL FOR %I ON %s IS NULL', l.provider, f.target)
    FROM functions f
    JOIN pg_seclabel l ON l.classoid = 'pg_proc'::regclass AND l.objoid = f.oid
    UNION ALL
    SELECT 5, f.object, 'extension', pg_describe_object(d.refclassid, d.refobjid, 0), NULL, NULL
    FROM functions f
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e'
    UNION ALL
    SELECT 5, f.object, 'dependence on the extension ' || e.extname, 'yes', format('ALTER %s DEPENDS ON EXTENSION %I', f.target, e.extname),
           format('ALTER %s NO DEPENDS ON EXTENSION %I', f.target, e.extname)
    FROM functions f
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'x'
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
)
SELECT rank::text, object, property, value, set, unset FROM facts WHERE value IS NOT NULL;
