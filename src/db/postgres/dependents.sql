-- Objects that depend on the live authsvc tables, row types, sequences or functions, and would be lost with them,
-- each with a remedy. The program did not create them. Objects of every kind in the catalogue are found. Foreign keys
-- are transferred and therefore excluded.
WITH RECURSIVE tables AS (
    SELECT c.oid, c.relname, c.reltoastrelid
    FROM pg_class c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (:tables)
), constraints AS (
    SELECT k.oid FROM pg_constraint k JOIN tables t ON k.conrelid = t.oid
    UNION
    SELECT k.oid FROM pg_constraint k JOIN tables t ON k.confrelid = t.oid
), relations AS (
    SELECT t.oid FROM tables t
    UNION
    SELECT t.reltoastrelid FROM tables t WHERE t.reltoastrelid <> 0
    UNION
    SELECT i.indexrelid FROM pg_index i JOIN tables t ON i.indrelid = t.oid OR i.indrelid = t.reltoastrelid
    UNION
    SELECT c.oid
    FROM pg_class c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'S' AND c.relname = ANY (:sequences)
), ours (classid, objid) AS MATERIALIZED (
    SELECT 'pg_class'::regclass::oid, r.oid FROM relations r
    UNION
    SELECT 'pg_type'::regclass, y.oid FROM relations r JOIN pg_type y ON y.typrelid = r.oid
    UNION
    SELECT 'pg_type'::regclass, y.typarray FROM relations r JOIN pg_type y ON y.typrelid = r.oid WHERE y.typarray <> 0
    UNION
    SELECT 'pg_attrdef'::regclass, d.oid FROM tables t JOIN pg_attrdef d ON d.adrelid = t.oid
    UNION
    SELECT 'pg_constraint'::regclass, k.oid FROM constraints k
    UNION
    SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN constraints k ON g.tgconstraint = k.oid
    UNION
    SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g JOIN tables t ON g.tgrelid = t.oid
    UNION
    SELECT 'pg_proc'::regclass, p.oid
    FROM pg_proc p
    WHERE p.pronamespace = quote_ident(current_schema())::regnamespace
      AND format('%s(%s)', p.proname, oidvectortypes(p.proargtypes)) = ANY (:functions)
), found (classid, objid, objsubid, refclassid, refobjid, refobjsubid) AS (
    SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid
    FROM ours o
    JOIN pg_depend d ON d.refclassid = o.classid AND d.refobjid = o.objid
    WHERE NOT EXISTS (SELECT FROM ours x WHERE x.classid = d.classid AND x.objid = d.objid)
    UNION
    SELECT n.*
    FROM found f
    CROSS JOIN LATERAL (
        -- objects that depend on a found object; its own parts, such as the defaults of a table, are not reported
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid
        FROM pg_depend d
        WHERE d.refclassid = f.classid AND d.refobjid = f.objid AND (f.objsubid = 0 OR d.refobjsubid = f.objsubid) AND d.deptype <> 'a'
        UNION ALL
        -- the object that a found object is part of, which would be lost with it
        SELECT d.refclassid, d.refobjid, d.refobjsubid, f.refclassid, f.refobjid, f.refobjsubid
        FROM pg_depend d
        WHERE d.classid = f.classid AND d.objid = f.objid AND d.deptype IN ('i', 'P', 'S')
    ) n
    WHERE NOT EXISTS (SELECT FROM ours x WHERE x.classid = n.classid AND x.objid = n.objid)
), whole AS (
    -- a part is reported with the object that contains it
    SELECT DISTINCT ON (f.classid, f.objid, f.objsubid) f.*,
           pg_describe_object(f.classid, f.objid, f.objsubid) AS name,
           pg_describe_object(f.refclassid, f.refobjid, f.refobjsubid) AS ref
    FROM found f
    WHERE NOT EXISTS (SELECT FROM pg_depend d JOIN found p ON p.classid = d.refclassid AND p.objid = d.refobjid
                      WHERE d.classid = f.classid AND d.objid = f.objid AND d.deptype IN ('i', 'P', 'S'))
      AND f.classid <> 'pg_policy'::regclass AND f.classid <> 'pg_publication_rel'::regclass
      -- what a table inherits is reported with the table
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE f.classid = 'pg_constraint'::regclass AND k.oid = f.objid AND NOT k.conislocal)
    ORDER BY f.classid, f.objid, f.objsubid, NOT EXISTS (SELECT FROM ours x WHERE x.classid = f.refclassid AND x.objid = f.refobjid),
             (f.refclassid, f.refobjid) = (f.classid, f.objid), f.refclassid <> 'pg_class'::regclass, f.refobjid, f.refobjsubid
), told AS (
    SELECT coalesce(
        CASE
            WHEN c.relkind IN ('v', 'm') AND w.objsubid = 0 THEN
                format('the %s `%s` reads `%s`', v.kind, c.oid::regclass,
                       CASE w.refclassid WHEN 'pg_class'::regclass THEN w.refobjid::regclass::text ELSE w.ref END)
            WHEN i.inhrelid IS NOT NULL AND w.objsubid = 0 THEN format('the table `%s` inherits from `%s`', i.inhrelid::regclass, i.inhparent::regclass)
        END, format('the %s depends on the %s', w.name, w.ref))
        || ': ' || CASE
            WHEN c.relkind IN ('v', 'm') THEN format('DROP %s %s', upper(v.kind), c.oid::regclass)
            WHEN i.inhrelid IS NOT NULL AND c.relispartition THEN format('ALTER TABLE %s DETACH PARTITION %s', i.inhparent::regclass, i.inhrelid::regclass)
            WHEN i.inhrelid IS NOT NULL THEN format('ALTER TABLE %s NO INHERIT %s', i.inhrelid::regclass, i.inhparent::regclass)
            WHEN w.classid = 'pg_class'::regclass AND w.objsubid > 0 THEN 'save what the column holds, and drop it'
            WHEN w.classid = 'pg_attrdef'::regclass THEN 'drop this default'
            ELSE format('drop the %s', w.name)
        END AS line
    FROM whole w
    LEFT JOIN pg_class c ON w.classid = 'pg_class'::regclass AND c.oid = w.objid
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent IN (SELECT t.oid FROM tables t)
    CROSS JOIN LATERAL (SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind) v
    UNION ALL
    SELECT format('`%s` has the policy `%s`: DROP POLICY %I ON %s', p.polrelid::regclass, p.polname, p.polname, p.polrelid::regclass)
    FROM found f JOIN pg_policy p ON p.oid = f.objid AND f.classid = 'pg_policy'::regclass
    UNION ALL
    SELECT format('the publication `%s` publishes %s: %s', b.pubname, string_agg(format('`%s`', t.relname), ', ' ORDER BY t.relname), CASE
               WHEN b.puballtables THEN format('DROP PUBLICATION %I', b.pubname)
               WHEN bool_and(r.oid IS NULL) THEN format('ALTER PUBLICATION %I DROP TABLES IN SCHEMA %I', b.pubname, current_schema())
               ELSE format('ALTER PUBLICATION %I DROP TABLE %s', b.pubname, string_agg(r.prrelid::regclass::text, ', ' ORDER BY t.relname)) END)
    FROM pg_publication b
    CROSS JOIN tables t
    LEFT JOIN pg_publication_rel r ON r.prpubid = b.oid AND r.prrelid = t.oid
    WHERE r.oid IS NOT NULL
       OR EXISTS (SELECT FROM pg_publication_tables l WHERE l.pubname = b.pubname AND l.schemaname = current_schema() AND l.tablename = t.relname)
    GROUP BY b.oid, b.pubname, b.puballtables
    UNION ALL
    -- it would also publish the tables that a restore builds
    SELECT format('the publication `%s` publishes every table: DROP PUBLICATION %I', b.pubname, b.pubname)
    FROM pg_publication b
    WHERE b.puballtables AND NOT EXISTS (SELECT FROM tables)
    UNION ALL
    SELECT format('the %s publishes every table of this schema: drop it', pg_describe_object(d.classid, d.objid, 0))
    FROM pg_depend d
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = quote_ident(current_schema())::regnamespace
      AND d.classid = to_regclass('pg_catalog.pg_publication_namespace') AND NOT EXISTS (SELECT FROM tables)
    UNION ALL
    SELECT format('the subscription `%s` writes to `%s`: drop the subscription, or remove the table from it', s.subname, t.relname)
    FROM tables t JOIN pg_subscription_rel r ON r.srrelid = t.oid JOIN pg_stat_subscription s ON s.subid = r.srsubid
    UNION ALL
    SELECT format('row security hides rows of `%s` from this role: restore as a superuser or a role with BYPASSRLS, or turn it off: ALTER TABLE %s %s ROW LEVEL SECURITY',
                  t.relname, t.oid::regclass, CASE WHEN c.relforcerowsecurity AND pg_has_role(c.relowner, 'USAGE') THEN 'NO FORCE' ELSE 'DISABLE' END)
    FROM tables t JOIN pg_class c ON c.oid = t.oid
    WHERE row_security_active(t.oid)
    UNION ALL
    SELECT format('the sequence `%s` counts down, so that its greatest id does not show which ids were issued: ALTER SEQUENCE %s INCREMENT BY 1',
                  q.seqrelid::regclass, q.seqrelid::regclass)
    FROM ours o JOIN pg_sequence q ON o.classid = 'pg_class'::regclass AND q.seqrelid = o.objid
    WHERE q.seqincrement < 0
    UNION ALL
    SELECT format('`%s` belongs to the role `%s`: restore as that role or as a superuser', t.oid::regclass, pg_get_userbyid(c.relowner))
    FROM tables t JOIN pg_class c ON c.oid = t.oid
    WHERE NOT pg_has_role(c.relowner, 'USAGE')
    UNION ALL
    SELECT format('`%s` belongs to the role `%s`: restore as that role or as a superuser', p.oid::regprocedure, pg_get_userbyid(p.proowner))
    FROM ours o JOIN pg_proc p ON o.classid = 'pg_proc'::regclass AND p.oid = o.objid
    WHERE NOT pg_has_role(p.proowner, 'USAGE')
    UNION ALL
    SELECT format('`%s` has a foreign key on `%s` and belongs to the role `%s`: restore as that role or as a superuser', k.conrelid::regclass, t.relname, pg_get_userbyid(c.relowner))
    FROM tables t JOIN pg_constraint k ON k.confrelid = t.oid AND k.contype = 'f' JOIN pg_class c ON c.oid = k.conrelid
    WHERE NOT pg_has_role(c.relowner, 'USAGE')
)
SELECT DISTINCT line FROM told ORDER BY line;
