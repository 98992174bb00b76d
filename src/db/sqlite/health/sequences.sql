-- An empty line ends each statement.

-- Sequences below the ids of their tables. SQLite continues from the greater of both, but forgets ids that were
-- deleted.
SELECT 'behind', json_object('table', 'users', 'greatest_id', CAST(m.id AS TEXT), 'fails', json('false'),
                             'correction', 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''users''')
FROM (SELECT max(id) AS id FROM users) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'users'), 0);

SELECT 'behind', json_object('table', 'oauth_providers', 'greatest_id', CAST(m.id AS TEXT), 'fails', json('false'),
                             'correction', 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''oauth_providers''')
FROM (SELECT max(id) AS id FROM oauth_providers) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'oauth_providers'), 0);

SELECT 'behind', json_object('table', 'refresh_tokens', 'greatest_id', CAST(m.id AS TEXT), 'fails', json('false'),
                             'correction', 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''refresh_tokens''')
FROM (SELECT max(id) AS id FROM refresh_tokens) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'refresh_tokens'), 0);

SELECT 'behind', json_object('table', 'auth_events', 'greatest_id', CAST(m.id AS TEXT), 'fails', json('false'),
                             'correction', 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''auth_events''')
FROM (SELECT max(id) AS id FROM auth_events) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'auth_events'), 0);

SELECT 'behind', json_object('table', 'maintenance_runs', 'greatest_id', CAST(m.id AS TEXT), 'fails', json('false'),
                             'correction', 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''maintenance_runs''')
FROM (SELECT max(id) AS id FROM maintenance_runs) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'maintenance_runs'), 0);
