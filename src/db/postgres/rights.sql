-- owners and privileges of our live tables and sequences, as statements for what takes their place
SELECT format('ALTER TABLE %I.%I OWNER TO %I;', n.nspname, c.relname, pg_get_userbyid(c.relowner))
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class staged ON staged.relname = c.relname AND staged.relkind = c.relkind
JOIN pg_namespace s ON s.oid = staged.relnamespace AND s.nspname = ':staging'
WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname = ANY (:tables)
  AND c.relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
UNION ALL
SELECT format('GRANT %s ON %s %I.%I TO %s%s;', a.privilege_type, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
              n.nspname, c.relname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class staged ON staged.relname = c.relname AND staged.relkind = c.relkind
JOIN pg_namespace s ON s.oid = staged.relnamespace AND s.nspname = ':staging'
CROSS JOIN LATERAL aclexplode(c.relacl) a
WHERE n.nspname = current_schema() AND a.grantee <> c.relowner AND c.relkind IN ('r', 'S')
UNION ALL
SELECT format('GRANT %s (%I) ON TABLE %I.%I TO %s;', a.privilege_type, at.attname, n.nspname, c.relname,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
FROM pg_attribute at
JOIN pg_class c ON c.oid = at.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute there ON there.attname = at.attname
JOIN pg_class staged ON staged.oid = there.attrelid AND staged.relname = c.relname AND staged.relkind = c.relkind
JOIN pg_namespace s ON s.oid = staged.relnamespace AND s.nspname = ':staging'
CROSS JOIN LATERAL aclexplode(at.attacl) a
WHERE n.nspname = current_schema() AND c.relname = ANY (:tables) AND NOT at.attisdropped;
