-- State of the authsvc tables, indexes and sequences: rank, object, property, value, statement that sets it,
-- statement that unsets it.
WITH tables AS (
    SELECT c.oid, c.relname, c.relowner, c.reltoastrelid
    FROM pg_class c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (:tables)
), relations AS (
    SELECT t.oid, t.relname, 'table ' || t.relname AS object, format('TABLE %I', t.relname) AS target, t.relname AS owner_table,
           EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = t.oid) AS is_parent
    FROM tables t
    UNION ALL
    SELECT c.oid, c.relname, 'sequence ' || c.relname, format('SEQUENCE %I', c.relname), NULL, FALSE
    FROM pg_class c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'S' AND c.relname = ANY (:sequences)
    UNION ALL
    SELECT c.oid, c.relname, format('index %s.%s', t.relname, c.relname), format('INDEX %I', c.relname), t.relname, FALSE
    FROM tables t
    JOIN pg_index i ON i.indrelid = t.oid
    JOIN pg_class c ON c.oid = i.indexrelid
), classes AS (
    SELECT r.*, c.relkind, c.relowner, c.relacl, c.reloptions, c.relpersistence, c.reltablespace,
           -- columns about storage, other catalogue rows or temporary state are not compared
           to_jsonb(c) - ARRAY['oid', 'relname', 'relnamespace', 'reltype', 'relowner', 'relam', 'relfilenode', 'reltablespace',
               'relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'reltoastrelid', 'relhasindex', 'relnatts', 'relchecks',
               'relhasrules', 'relhastriggers', 'relhassubclass', 'relispopulated', 'relreplident', 'relrewrite', 'relfrozenxid',
               'relminmxid', 'relacl', 'reloptions', 'relpersistence'] AS others
    FROM relations r
    JOIN pg_class c ON c.oid = r.oid
), facts AS (
    SELECT CASE WHEN c.relkind = 'S' AND c.owner_table IS NULL THEN 2 ELSE 1 END AS rank, c.object, 'owner' AS property,
           pg_get_userbyid(c.relowner)::text AS value,
           -- a sequence that belongs to a column has the owner of its table
           CASE WHEN c.relkind = 'S' THEN 'SELECT 1' ELSE format('ALTER %s OWNER TO %I', c.target, pg_get_userbyid(c.relowner)) END AS set,
           NULL AS unset
    FROM classes c WHERE c.relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT 0, c.object, 'tablespace', coalesce(s.spcname, 'that of the database'),
           format('ALTER %s SET TABLESPACE %I', c.target, coalesce(s.spcname, (SELECT b.spcname FROM pg_database d JOIN pg_tablespace b ON b.oid = d.dattablespace WHERE d.datname = current_database()))),
           NULL
    FROM classes c LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
    WHERE c.relkind <> 'S'
    UNION ALL
    SELECT 0, c.object, 'access method', a.amname, NULL, NULL
    FROM classes c JOIN pg_class k ON k.oid = c.oid JOIN pg_am a ON a.oid = k.relam WHERE c.relkind <> 'S'
    UNION ALL
    SELECT CASE WHEN c.is_parent THEN 1 ELSE 0 END, c.object, 'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' WHEN 'p' THEN 'logged' ELSE c.relpersistence::text END,
           -- indexes and sequences have the persistence of their table
           CASE WHEN c.relkind = 'r' THEN format('ALTER %s SET %s', c.target, CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' ELSE 'LOGGED' END) ELSE 'SELECT 1' END,
           NULL
    FROM classes c
    UNION ALL
    SELECT 2, c.object, 'storage options', array_to_string(ARRAY(SELECT o FROM unnest(c.reloptions) o ORDER BY o), ', '),
           format('ALTER %s SET (%s)', c.target, (SELECT string_agg(format('%I = %L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') FROM unnest(c.reloptions) o)),
           format('ALTER %s RESET (%s)', c.target, (SELECT string_agg(quote_ident(split_part(o, '=', 1)), ', ') FROM unnest(c.reloptions) o))
    FROM classes c WHERE c.reloptions IS NOT NULL
    UNION ALL
    SELECT 2, 'table ' || t.relname, 'storage options of its long values', array_to_string(ARRAY(SELECT o FROM unnest(k.reloptions) o ORDER BY o), ', '),
           format('ALTER TABLE %I SET (%s)', t.relname, (SELECT string_agg(format('toast.%I = %L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') FROM unnest(k.reloptions) o)),
           format('ALTER TABLE %I RESET (%s)', t.relname, (SELECT string_agg('toast.' || quote_ident(split_part(o, '=', 1)), ', ') FROM unnest(k.reloptions) o))
    FROM tables t JOIN pg_class k ON k.oid = t.reltoastrelid WHERE k.reloptions IS NOT NULL
    UNION ALL
    SELECT 4, c.object, 'replica identity', concat_ws(' ', k.relreplident::text, x.relname),
           format('ALTER %s REPLICA IDENTITY %s', c.target,
                  CASE k.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL' ELSE 'USING INDEX ' || quote_ident(x.relname) END),
           NULL
    FROM classes c
    JOIN pg_class k ON k.oid = c.oid
    LEFT JOIN (pg_index i JOIN pg_class x ON x.oid = i.indexrelid) ON i.indrelid = c.oid AND i.indisreplident
    WHERE c.relkind IN ('r', 'p')
    UNION ALL
    SELECT 4, c.object, CASE j.key WHEN 'relrowsecurity' THEN 'row level security' WHEN 'relforcerowsecurity' THEN 'forced row level security' ELSE j.key END,
           j.value,
           CASE j.key
               WHEN 'relrowsecurity' THEN format('ALTER %s %s ROW LEVEL SECURITY', c.target, CASE j.value WHEN 'true' THEN 'ENABLE' ELSE 'DISABLE' END)
               WHEN 'relforcerowsecurity' THEN format('ALTER %s %s ROW LEVEL SECURITY', c.target, CASE j.value WHEN 'true' THEN 'FORCE' ELSE 'NO FORCE' END)
           END,
           NULL
    FROM classes c CROSS JOIN LATERAL jsonb_each_text(c.others) j
    UNION ALL
    SELECT 4, format('table %s', t.relname), 'mark for CLUSTER', c.relname::text,
           format('ALTER TABLE %I CLUSTER ON %I', t.relname, c.relname), format('ALTER TABLE %I SET WITHOUT CLUSTER', t.relname)
    FROM tables t JOIN pg_index i ON i.indrelid = t.oid AND i.indisclustered JOIN pg_class c ON c.oid = i.indexrelid
    UNION ALL
    SELECT 4, 'table ' || t.relname, 'parents', string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno), NULL, NULL
    FROM tables t JOIN pg_inherits i ON i.inhrelid = t.oid GROUP BY t.relname
    UNION ALL
    -- the constraint creates its index, so that the index has no statement here
    SELECT 0, c.object, 'definition', CASE WHEN c.reloptions IS NULL THEN d.text ELSE regexp_replace(d.text, ' WITH \([a-z_]+=[^)]*\)', '') END,
           CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')) THEN 'SELECT 1' ELSE d.text END, NULL
    FROM classes c CROSS JOIN LATERAL (SELECT pg_get_indexdef(c.oid, 0, TRUE) AS text) d
    WHERE c.relkind IN ('i', 'I')
    UNION ALL
    SELECT 2, c.object, 'settings', s.settings, format('ALTER %s %s RESTART', c.target, s.settings), NULL
    FROM classes c
    JOIN LATERAL (SELECT format('AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %sCYCLE', format_type(q.seqtypid, NULL), q.seqincrement,
                                q.seqmin, q.seqmax, q.seqstart, q.seqcache, CASE WHEN q.seqcycle THEN '' ELSE 'NO ' END) AS settings
                  FROM pg_sequence q WHERE q.seqrelid = c.oid) s ON TRUE
    UNION ALL
    SELECT 2, c.object, 'column it belongs to', coalesce((
               SELECT format('%s.%s', d.refobjid::regclass, a.attname) FROM pg_depend d
               JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
               WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass), 'none'),
           NULL, NULL
    FROM classes c WHERE c.relkind = 'S'
    UNION ALL
    SELECT 8, c.object, 'privileges', p.value, p.set, format('REVOKE ALL ON %s FROM %s CASCADE', c.target, p.grantees)
    FROM classes c
    CROSS JOIN LATERAL (
        SELECT
               -- owners are printed as such, because rights of another owner of the object are an equal state
               string_agg(format('%s has %s%s by %s', g.told_grantee, g.privilege_type, CASE WHEN g.is_grantable THEN ' with grant option' ELSE '' END, g.told_grantor), ', ' ORDER BY g.told_grantee, g.privilege_type, g.told_grantor) AS value,
               -- the grantor is kept if this role may act as the grantor
               CASE WHEN bool_and(g.is_owner OR pg_has_role(g.by_oid, 'MEMBER')) THEN
                   string_agg(CASE WHEN g.is_owner THEN '' ELSE format('SET LOCAL ROLE %s; ', g.grantor) END
                       || format('GRANT %s ON %s TO %s%s', g.privilege_type, c.target, g.grantee, CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
                       || CASE WHEN g.is_owner THEN '' ELSE format('; SET LOCAL ROLE %I', current_user) END, '; ' ORDER BY NOT g.is_owner, g.at) END AS set,
               string_agg(DISTINCT g.grantee, ', ') AS grantees
        FROM (SELECT a.ordinality AS at, a.privilege_type, a.is_grantable, a.grantor AS by_oid, a.grantor = c.relowner AS is_owner,
                     CASE a.grantee WHEN c.relowner THEN 'the owner' WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS told_grantee,
                     CASE a.grantor WHEN c.relowner THEN 'the owner' ELSE quote_ident(pg_get_userbyid(a.grantor)) END AS told_grantor,
                     quote_ident(pg_get_userbyid(a.grantor)) AS grantor,
                     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
              FROM aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) WITH ORDINALITY a) g
    ) p
    WHERE c.relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT 5, c.object, 'comment', d.description, format('COMMENT ON %s IS %L', c.target, d.description), format('COMMENT ON %s IS NULL', c.target)
    FROM classes c
    JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
    UNION ALL
    SELECT 5, c.object, 'label of ' || l.provider, l.label, format('SECURITY LABEL FOR %I ON %s IS %L', l.provider, c.target, l.label),
           format('SECURITY LABEL FOR %I ON %s IS NULL', l.provider, c.target)
    FROM classes c
    JOIN pg_seclabel l ON l.classoid = 'pg_class'::regclass AND l.objoid = c.oid AND l.objsubid = 0
    UNION ALL
    SELECT 5, c.object, 'extension', pg_describe_object(d.refclassid, d.refobjid, 0), NULL, NULL
    FROM classes c
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    UNION ALL
    -- of the authsvc objects, only indexes can get this dependence by a command
    SELECT 5, c.object, 'dependence on the extension ' || e.extname, 'yes', format('ALTER %s DEPENDS ON EXTENSION %I', c.target, e.extname),
           format('ALTER %s NO DEPENDS ON EXTENSION %I', c.target, e.extname)
    FROM classes c
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'x'
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
)
SELECT rank::text, object, property, value, set, unset FROM facts WHERE value IS NOT NULL;
