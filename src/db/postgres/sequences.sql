SELECT s.relname::text, d.refobjid::regclass::text, coalesce(p.last_value, p.start_value)::text,
       CASE WHEN p.last_value IS NULL THEN 'f' ELSE 't' END,
       CASE WHEN has_sequence_privilege(s.oid, 'SELECT') THEN 't' ELSE 'f' END
FROM pg_class s
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
JOIN pg_sequences p ON p.schemaname = current_schema() AND p.sequencename = s.relname
WHERE s.relkind = 'S' AND s.relnamespace = quote_ident(current_schema())::regnamespace
ORDER BY s.relname;
