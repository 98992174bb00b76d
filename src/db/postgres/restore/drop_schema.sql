-- Statements that drop a schema with its tables, sequences and functions, but no objects that depend on them.
SELECT drop
FROM (SELECT 1 AS at, 'DROP TABLE ' || string_agg(format('%I.%I', n.nspname, c.relname), ', ') AS drop
      FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
      WHERE n.nspname = ':schema' AND c.relkind IN ('r', 'p')
      UNION ALL
      SELECT 2, 'DROP SEQUENCE ' || string_agg(format('%I.%I', n.nspname, c.relname), ', ')
      FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
      -- a sequence that belongs to a column is dropped with its table
      WHERE n.nspname = ':schema' AND c.relkind = 'S'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))
      UNION ALL
      SELECT 3, 'DROP FUNCTION ' || string_agg(format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), ', ')
      FROM pg_namespace n JOIN pg_proc p ON p.pronamespace = n.oid
      WHERE n.nspname = ':schema'
      UNION ALL
      SELECT 4, 'DROP SCHEMA :schema') statements
WHERE drop IS NOT NULL
ORDER BY at;
