-- Finds the schema of the authsvc tables, puts it first in the search_path of this transaction, and lifts the limits
-- of newer servers. The query does not trust the search_path: names and operators of the server are qualified.
WITH path AS (
    SELECT n.oid, n.nspname AS name, p.at
    FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS p(name, at)
    JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) p.name
    WHERE n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog' AND n.oid OPERATOR(pg_catalog.<>) pg_catalog.pg_my_temp_schema()
), ours AS (
    SELECT path.name FROM path
    JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) path.oid
        AND c.relname OPERATOR(pg_catalog.=) 'authsvc_migrations'
    ORDER BY path.at LIMIT 1
), legacy AS (
    SELECT path.name FROM path
    JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) path.oid
        AND c.relname OPERATOR(pg_catalog.=) 'migration_records'
    ORDER BY path.at LIMIT 1
), configured AS (
    -- path of the role, the database and the session start; behind a pooler another program may have left its own
    -- path
    SELECT CASE WHEN part.words[1] OPERATOR(pg_catalog.=) '$user' THEN current_user::pg_catalog.name
                WHEN part.words[1] IS NOT NULL THEN pg_catalog.replace(part.words[1], '""', '"')::pg_catalog.name
                ELSE pg_catalog.lower(part.words[2])::pg_catalog.name END AS name, part.at
    FROM pg_catalog.pg_settings s
    CROSS JOIN LATERAL pg_catalog.regexp_matches(s.reset_val, '"((?:[^"]|"")+)"|([^",[:space:]]+)', 'g')
        WITH ORDINALITY AS part(words, at)
    WHERE s.name OPERATOR(pg_catalog.=) 'search_path'
), elsewhere AS (
    SELECT configured.name FROM configured
    JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) configured.name
        AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid
        AND c.relname OPERATOR(pg_catalog.=) 'authsvc_migrations'
    ORDER BY configured.at LIMIT 1
), chosen AS (
    -- schema for a new database; "$user" only if this role may create objects in it
    SELECT configured.name FROM configured
    JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) configured.name
        AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog'
    WHERE configured.name OPERATOR(pg_catalog.<>) current_user::pg_catalog.name OR pg_catalog.has_schema_privilege(n.oid, 'CREATE')
    ORDER BY configured.at LIMIT 1
), found AS (
    SELECT coalesce(NULL, (SELECT name FROM elsewhere), (SELECT name FROM ours), (SELECT name FROM legacy)) AS name
), home AS (
    SELECT coalesce((SELECT name FROM found), (SELECT name FROM chosen),
                    -- schema for a new database: the first one, as for other programs; "$user" only if this role may
                    -- create objects in it
                    (SELECT path.name FROM path
                     WHERE path.name OPERATOR(pg_catalog.<>) current_user::pg_catalog.name
                         OR pg_catalog.has_schema_privilege(path.oid, 'CREATE')
                     ORDER BY path.at LIMIT 1),
                    (SELECT path.name FROM path ORDER BY path.at LIMIT 1)) AS name
), rest AS (
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(path.name), ', ' ORDER BY path.at) AS names
    FROM path JOIN home ON home.name OPERATOR(pg_catalog.<>) path.name
)
SELECT home.name::pg_catalog.text,
       -- schema that search_path names first and that does not contain the authsvc tables; "$user" names none
       CASE WHEN found.name IS NOT NULL AND first.name OPERATOR(pg_catalog.<>) found.name
                 AND first.name OPERATOR(pg_catalog.<>) current_user::pg_catalog.name
            THEN first.name::pg_catalog.text END,
       -- if the role may use no schema, none is searched; pg_temp alone would be created and count as a schema
       pg_catalog.set_config('search_path', CASE WHEN home.name IS NULL THEN ''
           ELSE pg_catalog.concat_ws(', ', pg_catalog.quote_ident(home.name), :rest 'pg_temp') END, :local),
       CASE WHEN :lifts AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.>=) 170000
            THEN pg_catalog.set_config('transaction_timeout', '0', :local) END,
       -- this also applies between two transactions: the pool itself ends idle connections
       CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.>=) 140000
            THEN pg_catalog.set_config('idle_session_timeout', '0', false) END,
       -- rows would be lost without foreign keys and triggers, so a role that may not set this is refused
       CASE WHEN pg_catalog.current_setting('session_replication_role') OPERATOR(pg_catalog.<>) 'origin'
            THEN pg_catalog.set_config('session_replication_role', 'origin', :local) END
FROM home CROSS JOIN found CROSS JOIN rest LEFT JOIN (SELECT path.name FROM path ORDER BY path.at LIMIT 1) first ON true;
