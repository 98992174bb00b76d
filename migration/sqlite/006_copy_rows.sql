-- Second of three steps: copies every row. NULL means what it meant to queries that said `= TRUE` and `= FALSE`: not
-- active, not verified, revoked. Undone by emptying the next tables.

INSERT INTO users_next (id, email, username, password_hash, avatar_url, provider, provider_id, last_login,
                        email_verified, active, created_at, updated_at, deleted_at)
SELECT id, email, username, password_hash, avatar_url, provider, provider_id, last_login,
       coalesce(email_verified, FALSE), coalesce(active, FALSE),
       coalesce(created_at, updated_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
       coalesce(updated_at, created_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')), deleted_at
FROM users;

INSERT INTO oauth_providers_next (id, user_id, provider, provider_id, access_token, refresh_token, expires_at,
                                  created_at, updated_at)
SELECT id, user_id, provider, provider_id, access_token, refresh_token, expires_at,
       coalesce(created_at, updated_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')),
       coalesce(updated_at, created_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))
FROM oauth_providers;

INSERT INTO refresh_tokens_next (id, user_id, token_hash, expires_at, created_at, revoked)
SELECT id, user_id, token_hash, expires_at, coalesce(created_at, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')), coalesce(revoked, TRUE)
FROM refresh_tokens;
