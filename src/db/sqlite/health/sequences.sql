-- An empty line ends each statement.

-- Sequences below the ids of their tables. SQLite continues from the greater of both, but forgets ids that were
-- deleted.
SELECT 'behind', 'users', CAST(m.id AS TEXT), 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''users''', 'goes on'
FROM (SELECT max(id) AS id FROM users) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'users'), 0);

SELECT 'behind', 'oauth_providers', CAST(m.id AS TEXT), 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''oauth_providers''', 'goes on'
FROM (SELECT max(id) AS id FROM oauth_providers) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'oauth_providers'), 0);

SELECT 'behind', 'refresh_tokens', CAST(m.id AS TEXT), 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''refresh_tokens''', 'goes on'
FROM (SELECT max(id) AS id FROM refresh_tokens) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'refresh_tokens'), 0);

SELECT 'behind', 'auth_events', CAST(m.id AS TEXT), 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''auth_events''', 'goes on'
FROM (SELECT max(id) AS id FROM auth_events) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'auth_events'), 0);

SELECT 'behind', 'maintenance_runs', CAST(m.id AS TEXT), 'UPDATE sqlite_sequence SET seq = ' || m.id || ' WHERE name = ''maintenance_runs''', 'goes on'
FROM (SELECT max(id) AS id FROM maintenance_runs) m
WHERE m.id > coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'maintenance_runs'), 0);
