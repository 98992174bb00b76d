-- what hangs on our live tables and would be lost with them
WITH ours AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind IN ('r', 'p') AND relname = ANY (:tables)
)
SELECT DISTINCT format('%s `%s` reads `%s`', CASE v.relkind WHEN 'm' THEN 'the materialized view' ELSE 'the view' END,
                       v.oid::regclass, ours.relname)
FROM ours
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = ours.oid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_rewrite r ON r.oid = d.objid
JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
UNION ALL
SELECT format('`%s` has the policy `%s`', ours.relname, p.polname)
FROM ours JOIN pg_policy p ON p.polrelid = ours.oid
UNION ALL
SELECT format('the publication `%s` publishes `%s`', p.pubname, ours.relname)
FROM ours
JOIN pg_publication_rel r ON r.prrelid = ours.oid
JOIN pg_publication p ON p.oid = r.prpubid
UNION ALL
SELECT format('the table `%s` inherits from `%s`', i.inhrelid::regclass, ours.relname)
FROM ours JOIN pg_inherits i ON i.inhparent = ours.oid
ORDER BY 1;
