-- Foreign keys of other tables to the authsvc tables: how to drop them, and how to validate them after they are
-- recreated.
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I;', k.conrelid::regclass, k.conname),
       CASE WHEN k.convalidated AND child.relkind <> 'p'
            THEN format('ALTER TABLE %I.%I VALIDATE CONSTRAINT %I;', n.nspname, child.relname, k.conname)
            ELSE 'SELECT 1' END
FROM pg_constraint k
JOIN pg_class parent ON parent.oid = k.confrelid
JOIN pg_class child ON child.oid = k.conrelid
JOIN pg_namespace n ON n.oid = child.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
  AND parent.relnamespace = quote_ident(current_schema())::regnamespace AND parent.relname = ANY (:tables)
  AND NOT (child.relnamespace = quote_ident(current_schema())::regnamespace AND child.relname = ANY (:tables))
ORDER BY 1;
