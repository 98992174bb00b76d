-- Empties the next tables; the live ones are untouched.

DELETE FROM refresh_tokens_next;
DELETE FROM oauth_providers_next;
DELETE FROM users_next;
DELETE FROM sqlite_sequence WHERE name IN ('users_next', 'oauth_providers_next', 'refresh_tokens_next');
