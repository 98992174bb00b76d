-- a row without a name: there is no schema that this role may use
SELECT found.relname::text
FROM (SELECT c.relname
      FROM pg_class c
      WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        -- asked for each row that is found, and so not at all of an empty database
        AND (SELECT count(*) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') = 0
      UNION ALL
      SELECT NULL WHERE current_schema() IS NULL) found
ORDER BY found.relname;
