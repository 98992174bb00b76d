-- kind (f, p, u, i), table, name, definition, definition of the index behind it; foreign keys first
SELECT c.contype::text, t.relname::text, c.conname::text, pg_get_constraintdef(c.oid),
       CASE WHEN c.contype IN ('p', 'u') THEN pg_get_indexdef(c.conindid) END
FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid
WHERE c.connamespace = quote_ident(current_schema())::regnamespace AND c.contype IN ('f', 'p', 'u')
UNION ALL
SELECT 'i', t.relname::text, x.relname::text, pg_get_indexdef(i.indexrelid), NULL
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
WHERE x.relnamespace = quote_ident(current_schema())::regnamespace
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
ORDER BY 1, 2, 3;
