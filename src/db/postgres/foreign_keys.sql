-- foreign keys of other tables on ours: how to drop, to make anew, and to validate them
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I;', k.conrelid::regclass, k.conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s%s;', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid),
              CASE WHEN k.convalidated THEN ' NOT VALID' ELSE '' END),
       CASE WHEN k.convalidated
            THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %I;', k.conrelid::regclass, k.conname)
            ELSE 'SELECT 1' END
FROM pg_constraint k
JOIN pg_class parent ON parent.oid = k.confrelid
JOIN pg_class child ON child.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0
  AND parent.relnamespace = quote_ident(current_schema())::regnamespace AND parent.relname = ANY (:tables)
  AND NOT (child.relnamespace = quote_ident(current_schema())::regnamespace AND child.relname = ANY (:tables))
ORDER BY 1;
