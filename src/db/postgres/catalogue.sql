-- A query of an object waits for a transaction that is changing the object.
SET LOCAL lock_timeout = '10s';
WITH relations AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relpersistence
    FROM pg_class c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
      AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND c.relname NOT IN ('seaql_migrations', 'authsvc_migrations', 'migration_records', 'migration_records_id_seq')
      AND (SELECT count(*) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') = 0
), facts AS (
    SELECT CASE r.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'view ' ELSE 'table ' END || r.name AS key,
           nullif(concat_ws(', ', CASE WHEN r.relrowsecurity THEN 'row security' END, CASE WHEN r.relforcerowsecurity THEN 'forced row security' END,
                            CASE WHEN r.relpersistence <> 'p' THEN 'unlogged' END,
                            'with the rows of ' || (SELECT string_agg(i.inhrelid::regclass::text, ', ' ORDER BY i.inhrelid) FROM pg_inherits i WHERE i.inhparent = r.oid)),
                  '') AS shape,
           -- columns instead of the text, because each server version prints a view differently
           CASE WHEN r.relkind IN ('v', 'm') THEN
               (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0)
               || ' from ' || (SELECT string_agg(DISTINCT d.refobjid::regclass || coalesce('.' || a.attname, ''), ', ')
                FROM pg_rewrite w
                JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.oid
                LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0
                WHERE w.ev_class = r.oid) END AS detail
    FROM relations r WHERE r.relkind <> 'S'
    UNION ALL
    SELECT 'column ' || r.name || '.' || a.attname,
           format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
               || coalesce(CASE a.attgenerated WHEN '' THEN ' default ' ELSE ' generated ' END || pg_get_expr(d.adbin, d.adrelid), ''),
           CASE WHEN a.attcollation NOT IN (0, 'pg_catalog.default'::regcollation) THEN 'collate ' || (SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation) END
    FROM relations r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'index ' || r.name || '.' || c.relname,
           replace(regexp_replace(pg_get_indexdef(i.indexrelid, 0, true), ' WHERE .*$', CASE WHEN i.indpred IS NULL THEN '' ELSE ' WHERE ...' END), 'CREATE ', ''),
           concat_ws(' ', 'where ' || pg_get_expr(i.indpred, i.indrelid, true), CASE WHEN NOT i.indisvalid THEN 'INVALID' END)
    FROM relations r
    JOIN pg_index i ON i.indrelid = r.oid
    JOIN pg_class c ON c.oid = i.indexrelid
    UNION ALL
    SELECT 'constraint ' || r.name || '.' || k.conname,
           CASE WHEN k.contype = 'c'
                THEN 'CHECK on ' || (SELECT string_agg(a.attname, ', ' ORDER BY a.attname) FROM pg_attribute a
                                     WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
                ELSE pg_get_constraintdef(k.oid, true) END
               -- triggers that implement a foreign key
               || CASE WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled <> 'O') THEN ' TRIGGERS DISABLED' ELSE '' END,
           CASE WHEN k.contype = 'c' THEN pg_get_constraintdef(k.oid, true) END
    FROM relations r
    JOIN pg_constraint k ON k.conrelid = r.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT 'trigger ' || r.name || '.' || t.tgname,
           replace(pg_get_triggerdef(t.oid, true), 'CREATE TRIGGER ', '') || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' DISABLED' WHEN 'R' THEN ' ENABLED ON REPLICA ONLY' ELSE ' ENABLED ALWAYS' END,
           NULL
    FROM relations r
    JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'rule ' || r.name || '.' || w.rulename,
           replace(pg_get_ruledef(w.oid, true), 'CREATE RULE ', '')
               || CASE w.ev_enabled WHEN 'O' THEN '' WHEN 'D' THEN ' DISABLED' WHEN 'R' THEN ' ENABLED ON REPLICA ONLY' ELSE ' ENABLED ALWAYS' END,
           NULL
    FROM relations r
    JOIN pg_rewrite w ON w.ev_class = r.oid
    WHERE r.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'policy ' || r.name || '.' || p.polname,
           concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                     CASE p.polcmd WHEN 'r' THEN 'FOR SELECT' WHEN 'a' THEN 'FOR INSERT' WHEN 'w' THEN 'FOR UPDATE' WHEN 'd' THEN 'FOR DELETE' ELSE 'FOR ALL' END,
                     'USING (' || pg_get_expr(p.polqual, p.polrelid, true) || ')', 'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid, true) || ')'),
           NULL
    FROM relations r
    JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL
    SELECT 'sequence ' || r.name, NULL,
           format_type(s.seqtypid, NULL)
               || CASE WHEN s.seqincrement <> 1 THEN ' increment ' || s.seqincrement ELSE '' END
               || CASE WHEN s.seqmin <> 1 THEN ' minvalue ' || s.seqmin ELSE '' END
               || CASE WHEN s.seqmax NOT IN (2147483647, 9223372036854775807) THEN ' maxvalue ' || s.seqmax ELSE '' END
               || CASE WHEN s.seqcycle THEN ' cycle' ELSE '' END
               || coalesce(
               ' owned by ' || (SELECT d.refobjid::regclass::text || '.' || a.attname
                                FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                                WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')), '')
    FROM relations r
    JOIN pg_sequence s ON s.seqrelid = r.oid
    UNION ALL
    SELECT 'function ' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')',
           NULL,
           'returns ' || pg_get_function_result(p.oid) || ' language ' || (SELECT l.lanname FROM pg_language l WHERE l.oid = p.prolang) || ' body ' || left(md5(p.prosrc), 12)
    FROM pg_proc p
    WHERE p.oid >= 16384 AND p.pronamespace = quote_ident(current_schema())::regnamespace
      AND (SELECT count(*) FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') = 0
)
SELECT 'fact', key, shape, detail FROM facts;
