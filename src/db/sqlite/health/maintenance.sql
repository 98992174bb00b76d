-- Columns of every index, and the sequences.
SELECT 'columns', m.tbl_name || '.' || l.name, CAST(l."unique" AS TEXT),
       (SELECT group_concat(coalesce(x.name, 'expression') || iif(x."desc", ' desc', '') || ' ' || x.coll, ', ')
        FROM pragma_index_xinfo(l.name) x WHERE x.key),
       CAST(l.partial OR EXISTS (SELECT 1 FROM pragma_index_xinfo(l.name) x WHERE x.key AND x.cid = -2) AS TEXT)
FROM sqlite_schema m
JOIN pragma_index_list(m.name) l
WHERE m.type = 'table';

-- The last statement: a row of it shows that every statement ran.
SELECT 'sequences', CAST(coalesce(max(seq), 0) / 9223372036854775807.0 AS TEXT), '0' FROM sqlite_sequence;
