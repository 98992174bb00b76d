-- Tables and functions of the program in the live schema, in the form that ALTER uses.
SELECT 'TABLE ' || format('%I.%I', n.nspname, c.relname)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname = ANY (:tables)
UNION ALL
SELECT 'FUNCTION ' || format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = current_schema()
  AND format('%s(%s)', p.proname, oidvectortypes(p.proargtypes)) = ANY (:functions)
ORDER BY 1 DESC;
