-- A table that was never analysed has no row count. The estimate for it is sixty rows per page.
SELECT (CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN (c.reltuples / c.relpages * s.pages)::bigint ELSE 60 * s.pages END)::text,
       s.pages::text
FROM (VALUES (0, '')) AS t (at, name)
JOIN pg_class c ON c.relname = t.name AND c.relnamespace = quote_ident(current_schema())::regnamespace
CROSS JOIN LATERAL (SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages) s
ORDER BY t.at
