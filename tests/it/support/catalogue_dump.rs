//! Catalogue of the program's objects on PostgreSQL as rows, read independently of the program.

use super::Database;

/// Everything that the catalogue has of the schema `public` and what refers to it, one fact a row, without what each
/// rewrite changes: ids, files, pages, and flags that the server keeps lazily.
pub(crate) fn catalogue_dump(database: &Database) -> Vec<String> {
    QUERIES.iter().flat_map(|sql| database.query(sql)).collect()
}

const QUERIES: [&str; 10] = [
    "SELECT 'extension', pg_describe_object(classid, objid, objsubid), pg_describe_object(refclassid, refobjid, 0) FROM pg_depend
     WHERE deptype = 'x' ORDER BY 2, 3",
    "SELECT 'class', c.relname, j.key, j.value FROM pg_class c,
         jsonb_each_text(to_jsonb(c) - ARRAY['oid', 'relname', 'relfilenode', 'reltype', 'reltoastrelid', 'relpages', 'reltuples', 'relallvisible',
             'relallfrozen', 'relfrozenxid', 'relminmxid', 'relrewrite', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass',
             'relnatts', 'relacl']) j
     WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2, 3",
    "SELECT 'acl', c.relname, a::text FROM pg_class c, unnest(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))) a
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'i' ORDER BY 1, 2, 3",
    "SELECT 'toast', c.relname, t.reloptions::text FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid
     WHERE c.relnamespace = 'public'::regnamespace AND t.reloptions IS NOT NULL ORDER BY 1, 2",
    "SELECT 'attribute', c.relname, a.attname, j.key, j.value FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped,
         jsonb_each_text(to_jsonb(a) - ARRAY['attrelid', 'attname', 'attnum', 'attcacheoff', 'atthasmissing', 'attmissingval', 'attoptions']
             || jsonb_build_object('options', (SELECT array_agg(o) FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg%'),
                                   'default', (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = c.oid AND d.adnum = a.attnum))) j
     WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY 1, 2, 3, 4",
    "SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid, true), concat(convalidated, condeferrable, condeferred),
         (SELECT string_agg(DISTINCT tgenabled::text, '') FROM pg_trigger WHERE tgconstraint = k.oid)
     FROM pg_constraint k WHERE connamespace = 'public'::regnamespace OR confrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
     ORDER BY 2, 3",
    "SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisclustered, indisreplident, indisvalid FROM pg_index
     WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) ORDER BY 2",
    "SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled FROM pg_trigger
     WHERE NOT tgisinternal ORDER BY 2, 3",
    "SELECT 'function', proname, j.key, j.value FROM pg_proc p, jsonb_each_text(to_jsonb(p) - ARRAY['oid', 'proname', 'proacl']
         || jsonb_build_object('acl', (SELECT array_agg(a ORDER BY a::text) FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) a))) j
     WHERE pronamespace = 'public'::regnamespace ORDER BY 2, 3",
    "SELECT 'other', pg_describe_object(classoid, objoid, objsubid), description FROM pg_description WHERE objoid >= 16384
     UNION ALL
     SELECT 'sequence', seqrelid::regclass::text, (to_jsonb(s) - 'seqrelid')::text FROM pg_sequence s
     UNION ALL
     SELECT 'depend', pg_describe_object(classid, objid, objsubid), pg_describe_object(refclassid, refobjid, refobjsubid) || ' ' || deptype::text FROM pg_depend
     WHERE objid >= 16384 AND refobjid >= 16384 AND pg_describe_object(classid, objid, objsubid) NOT LIKE '%toast%'
       AND pg_describe_object(refclassid, refobjid, refobjsubid) NOT LIKE '%toast%'
       AND pg_describe_object(classid, objid, objsubid) NOT LIKE '%RI_ConstraintTrigger%'
     ORDER BY 1, 2, 3",
];
