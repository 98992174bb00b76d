-- Triggers set `updated_at` again.

CREATE TRIGGER update_users_updated_at AFTER UPDATE ON users
    WHEN NEW.updated_at IS OLD.updated_at
BEGIN
    UPDATE users SET updated_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') WHERE id = NEW.id;
END;
CREATE TRIGGER update_oauth_providers_updated_at AFTER UPDATE ON oauth_providers
    WHEN NEW.updated_at IS OLD.updated_at
BEGIN
    UPDATE oauth_providers SET updated_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') WHERE id = NEW.id;
END;
