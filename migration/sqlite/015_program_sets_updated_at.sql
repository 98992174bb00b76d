-- migrate: compatible
--
-- The program sets `updated_at`, so the two triggers are dropped. The down script recreates them.

DROP TRIGGER update_users_updated_at;
DROP TRIGGER update_oauth_providers_updated_at;
