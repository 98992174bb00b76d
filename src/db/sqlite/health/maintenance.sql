-- Columns of every index without an expression or a condition, because the catalogue only shows that one exists. Then
-- the sequences.
SELECT 'index', json_object(
           'name', m.tbl_name || '.' || l.name,
           'is_unique', json(iif(l."unique", 'true', 'false')),
           'columns', (SELECT group_concat(x.name || iif(x."desc", ' desc', '') || ' ' || x.coll, ', ')
                       FROM pragma_index_xinfo(l.name) x WHERE x.key))
FROM sqlite_schema m
JOIN pragma_index_list(m.name) l
WHERE m.type = 'table' AND NOT l.partial
  AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(l.name) x WHERE x.key AND x.cid = -2);

-- The last statement: a row of it shows that every statement ran.
SELECT 'sequence_used', CAST(coalesce(max(seq), 0) / 9223372036854775807.0 AS TEXT) FROM sqlite_sequence;
