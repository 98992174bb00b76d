-- migrate: compatible
--
-- The program sets `updated_at`: the two triggers go. Undone by making them anew.

DROP TRIGGER update_users_updated_at;
DROP TRIGGER update_oauth_providers_updated_at;
