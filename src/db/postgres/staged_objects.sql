-- Objects of the staging schema that must be moved separately, in the form that ALTER uses.
SELECT 'TABLE ' || format('%I.%I', n.nspname, c.relname)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'authsvc_restore' AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'FUNCTION ' || format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'authsvc_restore';
