-- An empty line ends the settings and each statement.
SET LOCAL statement_timeout = '10s';
SET LOCAL lock_timeout = '200ms';

-- Sequences with a next number that is not above every id of the table, so that inserts fail. Each row has the greatest
-- id and a statement that corrects the sequence.
SELECT 'behind', json_build_object('table', 'users', 'greatest_id', m.id::text, 'fails', true,
                                   'correction', format('SELECT setval(''users_id_seq'', %s)', m.id))
FROM users_id_seq s
CROSS JOIN (SELECT max(id) AS id FROM users) m
WHERE m.id >= s.last_value::numeric + CASE WHEN s.is_called THEN (SELECT q.seqincrement FROM pg_sequence q WHERE q.seqrelid = s.tableoid) ELSE 0 END;

SELECT 'behind', json_build_object('table', 'oauth_providers', 'greatest_id', m.id::text, 'fails', true,
                                   'correction', format('SELECT setval(''oauth_providers_id_seq'', %s)', m.id))
FROM oauth_providers_id_seq s
CROSS JOIN (SELECT max(id) AS id FROM oauth_providers) m
WHERE m.id >= s.last_value::numeric + CASE WHEN s.is_called THEN (SELECT q.seqincrement FROM pg_sequence q WHERE q.seqrelid = s.tableoid) ELSE 0 END;

SELECT 'behind', json_build_object('table', 'refresh_tokens', 'greatest_id', m.id::text, 'fails', true,
                                   'correction', format('SELECT setval(''refresh_tokens_id_seq'', %s)', m.id))
FROM refresh_tokens_id_seq s
CROSS JOIN (SELECT max(id) AS id FROM refresh_tokens) m
WHERE m.id >= s.last_value::numeric + CASE WHEN s.is_called THEN (SELECT q.seqincrement FROM pg_sequence q WHERE q.seqrelid = s.tableoid) ELSE 0 END;

SELECT 'behind', json_build_object('table', 'auth_events', 'greatest_id', m.id::text, 'fails', true,
                                   'correction', format('SELECT setval(''auth_events_id_seq'', %s)', m.id))
FROM auth_events_id_seq s
CROSS JOIN (SELECT max(id) AS id FROM auth_events) m
WHERE m.id >= s.last_value::numeric + CASE WHEN s.is_called THEN (SELECT q.seqincrement FROM pg_sequence q WHERE q.seqrelid = s.tableoid) ELSE 0 END;

SELECT 'behind', json_build_object('table', 'maintenance_runs', 'greatest_id', m.id::text, 'fails', true,
                                   'correction', format('SELECT setval(''maintenance_runs_id_seq'', %s)', m.id))
FROM maintenance_runs_id_seq s
CROSS JOIN (SELECT max(id) AS id FROM maintenance_runs) m
WHERE m.id >= s.last_value::numeric + CASE WHEN s.is_called THEN (SELECT q.seqincrement FROM pg_sequence q WHERE q.seqrelid = s.tableoid) ELSE 0 END;
