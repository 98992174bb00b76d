-- State of the columns of the authsvc tables and indexes, in the columns of relation_facts.sql.
WITH columns AS (
    SELECT a.*, c.relname, format('column %s.%s', c.relname, a.attname) AS object, c.relowner,
           format('ALTER TABLE %I ALTER COLUMN %I', c.relname, a.attname) AS alter,
           format('COLUMN %I.%I', c.relname, a.attname) AS target,
           to_jsonb(a) - ARRAY['attrelid', 'attname', 'atttypid', 'attlen', 'attnum', 'attcacheoff', 'atttypmod', 'attndims', 'attbyval',
               'attalign', 'attstattarget', 'attstorage', 'attcompression', 'atthasdef', 'atthasmissing', 'attisdropped', 'attacl',
               'attoptions', 'attfdwoptions', 'attmissingval'] AS others
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (:tables)
), facts AS (
    SELECT 2 AS rank, c.object, 'type' AS property, format_type(c.atttypid, c.atttypmod) AS value, NULL AS set, NULL AS unset
    FROM columns c
    UNION ALL
    SELECT 2, c.object, 'default', pg_get_expr(d.adbin, d.adrelid), NULL, NULL
    FROM columns c JOIN pg_attrdef d ON d.adrelid = c.attrelid AND d.adnum = c.attnum
    UNION ALL
    SELECT 2, c.object, j.key, j.value, NULL, NULL
    FROM columns c CROSS JOIN LATERAL jsonb_each_text(c.others) j
    UNION ALL
    SELECT 2, c.object, 'statistics target', c.attstattarget::text, format('%s SET STATISTICS %s', c.alter, c.attstattarget), format('%s SET STATISTICS -1', c.alter)
    FROM columns c
    UNION ALL
    SELECT 2, c.object, 'storage', s.name, format('%s SET STORAGE %s', c.alter, s.name), NULL
    FROM columns c
    CROSS JOIN LATERAL (SELECT CASE c.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END AS name) s
    UNION ALL
    SELECT 2, c.object, 'compression', s.name, format('%s SET COMPRESSION %s', c.alter, s.name), NULL
    FROM columns c
    CROSS JOIN LATERAL (SELECT CASE to_jsonb(c) ->> 'attcompression' WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE 'DEFAULT' END AS name) s
    UNION ALL
    SELECT 2, c.object, 'options', array_to_string(own.options, ', '),
           format('%s SET (%s)', c.alter, (SELECT string_agg(format('%I = %L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') FROM unnest(own.options) o)),
           format('%s RESET (%s)', c.alter, (SELECT string_agg(quote_ident(split_part(o, '=', 1)), ', ') FROM unnest(own.options) o))
    FROM columns c
    -- newer servers store a version of their own there
    CROSS JOIN LATERAL (SELECT array_agg(o ORDER BY o) AS options FROM unnest(c.attoptions) o WHERE o NOT LIKE 'pg\_%') own
    WHERE own.options IS NOT NULL
    UNION ALL
    SELECT 9, c.object, 'privileges', p.value, p.set, format('REVOKE ALL (%I) ON TABLE %I FROM %s CASCADE', c.attname, c.relname, p.grantees)
    FROM columns c
    CROSS JOIN LATERAL (
        SELECT
               -- owners are printed as such, because rights of another owner of the object are an equal state
               string_agg(format('%s has %s%s by %s', g.told_grantee, g.privilege_type, CASE WHEN g.is_grantable THEN ' with grant option' ELSE '' END, g.told_grantor), ', ' ORDER BY g.told_grantee, g.privilege_type, g.told_grantor) AS value,
               CASE WHEN bool_and(g.is_owner OR pg_has_role(g.by_oid, 'MEMBER')) THEN
                   string_agg(CASE WHEN g.is_owner THEN '' ELSE format('SET LOCAL ROLE %s; ', g.grantor) END
                       || format('GRANT %s (%I) ON TABLE %I TO %s%s', g.privilege_type, c.attname, c.relname, g.grantee, CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
                       || CASE WHEN g.is_owner THEN '' ELSE format('; SET LOCAL ROLE %I', current_user) END, '; ' ORDER BY NOT g.is_owner, g.at) END AS set,
               string_agg(DISTINCT g.grantee, ', ') AS grantees
        FROM (SELECT a.ordinality AS at, a.privilege_type, a.is_grantable, a.grantor AS by_oid, a.grantor = c.relowner AS is_owner,
                     CASE a.grantee WHEN c.relowner THEN 'the owner' WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS told_grantee,
                     CASE a.grantor WHEN c.relowner THEN 'the owner' ELSE quote_ident(pg_get_userbyid(a.grantor)) END AS told_grantor,
                     quote_ident(pg_get_userbyid(a.grantor)) AS grantor,
                     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
              FROM aclexplode(c.attacl) WITH ORDINALITY a) g
    ) p
    UNION ALL
    SELECT 5, c.object, 'comment', d.description, format('COMMENT ON %s IS %L', c.target, d.description), format('COMMENT ON %s IS NULL', c.target)
    FROM columns c
    JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.attrelid AND d.objsubid = c.attnum
    UNION ALL
    SELECT 5, c.object, 'label of ' || l.provider, l.label, format('SECURITY LABEL FOR %I ON %s IS %L', l.provider, c.target, l.label),
           format('SECURITY LABEL FOR %I ON %s IS NULL', l.provider, c.target)
    FROM columns c
    JOIN pg_seclabel l ON l.classoid = 'pg_class'::regclass AND l.objoid = c.attrelid AND l.objsubid = c.attnum
    UNION ALL
    -- an expression of an index also has a statistics target
    SELECT 2, format('index %s.%s', t.relname, x.relname), 'statistics target of its column ' || a.attnum, a.attstattarget::text,
           format('ALTER INDEX %I ALTER COLUMN %s SET STATISTICS %s', x.relname, a.attnum, a.attstattarget),
           format('ALTER INDEX %I ALTER COLUMN %s SET STATISTICS -1', x.relname, a.attnum)
    FROM pg_class t
    JOIN pg_index i ON i.indrelid = t.oid
    JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_attribute a ON a.attrelid = x.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE t.relnamespace = quote_ident(current_schema())::regnamespace AND t.relkind IN ('r', 'p') AND t.relname = ANY (:tables)
)
SELECT rank::text, object, property, value, set, unset FROM facts WHERE value IS NOT NULL;
