-- Sequences of the live tables with a maximum below an id of the file, each with a remedy.
SELECT format('the sequence `%s` ends at %s, and the file has ids of `%s` up to %s: ALTER SEQUENCE %s AS bigint NO MAXVALUE',
              q.seqrelid::regclass, q.seqmax, t.relname, v.id, q.seqrelid::regclass)
FROM (VALUES :ids) v (name, id)
JOIN pg_class t ON t.relnamespace = quote_ident(current_schema())::regnamespace AND t.relkind IN ('r', 'p') AND t.relname = v.name
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_sequence q ON q.seqrelid = d.objid
WHERE v.id > q.seqmax
ORDER BY 1;
