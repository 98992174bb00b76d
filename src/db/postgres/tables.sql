-- A row without a name means that this role may use no schema.
SELECT found.relname::text
FROM (SELECT c.relname
      FROM pg_class c
      WHERE c.relnamespace = quote_ident(current_schema())::regnamespace
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        -- evaluated for each row that is found, and therefore never in an empty database
        AND (SELECT count(*) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') = 0
      UNION ALL
      SELECT NULL WHERE current_schema() IS NULL) found
ORDER BY found.relname;
