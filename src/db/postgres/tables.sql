SELECT c.relname::text
FROM pg_class c
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  -- asked for each row that is found, and so not at all of an empty database
  AND (SELECT count(*) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') = 0
ORDER BY c.relname;
