-- Keys and indexes, foreign keys first: kind (f, p, u, i), table, name, definition, definition of the index behind it,
-- columns or expressions, condition. The condition selects the rows that the key covers. For a foreign key it selects
-- the rows that violate it, in a table with the alias t.
SELECT c.contype::text, t.relname::text, c.conname::text, pg_get_constraintdef(c.oid),
       CASE WHEN c.contype IN ('p', 'u') THEN pg_get_indexdef(c.conindid) END,
       (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
        FROM unnest(c.conkey) WITH ORDINALITY k (number, place)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number),
       CASE WHEN c.contype = 'f' THEN
           (SELECT format('NOT EXISTS (SELECT FROM %s p WHERE %s)', c.confrelid::regclass,
                          string_agg(format('p.%I = t.%I', b.attname, a.attname), ' AND '))
            FROM unnest(c.conkey, c.confkey) k (own, other)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
            JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.other) END
FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid
WHERE c.connamespace = quote_ident(current_schema())::regnamespace AND c.contype IN ('f', 'p', 'u')
UNION ALL
SELECT 'i', t.relname::text, x.relname::text, pg_get_indexdef(i.indexrelid), NULL,
       (SELECT string_agg(pg_get_indexdef(i.indexrelid, k, TRUE), ', ' ORDER BY k) FROM generate_series(1, i.indnkeyatts) k),
       pg_get_expr(i.indpred, i.indrelid)
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
WHERE x.relnamespace = quote_ident(current_schema())::regnamespace
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
ORDER BY 1, 2, 3;
