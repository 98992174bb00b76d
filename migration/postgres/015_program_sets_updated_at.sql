-- migrate: compatible
--
-- The program sets `updated_at`. The two triggers go, and their function, unless something else in the database uses it: the server says.
-- Extensions that distribute tables refuse triggers.
--
-- Locks: ACCESS EXCLUSIVE on users and oauth_providers for a moment. Undone by making them anew.

DROP TRIGGER IF EXISTS update_users_updated_at ON users;
DROP TRIGGER IF EXISTS update_oauth_providers_updated_at ON oauth_providers;
DO $$
BEGIN
    DROP FUNCTION IF EXISTS update_updated_at_column();
EXCEPTION
    WHEN dependent_objects_still_exist THEN NULL;
END;
$$;
