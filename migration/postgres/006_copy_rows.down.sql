-- Empties the next tables; the live ones are untouched. The triggers of 005 go on: rows that change before 006 runs again
-- are simply there already.

ALTER TABLE refresh_tokens_next DROP CONSTRAINT refresh_tokens_next_user_id_fkey;
ALTER TABLE oauth_providers_next DROP CONSTRAINT oauth_providers_next_user_id_fkey;
DROP INDEX refresh_tokens_next_revoked_at;
DROP INDEX refresh_tokens_next_expires_at;
DROP INDEX refresh_tokens_next_family_id;
DROP INDEX refresh_tokens_next_user_id;
DROP INDEX refresh_tokens_next_token_hash_key;
DROP INDEX oauth_providers_next_expires_at;
DROP INDEX oauth_providers_next_user_id;
DROP INDEX oauth_providers_next_provider_provider_id_key;
DROP INDEX users_next_locked_until;
DROP INDEX users_next_last_login;
DROP INDEX users_next_provider_provider_id;
DROP INDEX users_next_email_lower_key;
DROP INDEX users_next_username_key;
TRUNCATE users_next, oauth_providers_next, refresh_tokens_next;
