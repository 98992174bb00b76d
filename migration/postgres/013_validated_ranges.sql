-- migrate: compatible
--
-- Validates the constraints of 012. What was written between its look and its constraints is changed as there.
--
-- Locks: SHARE UPDATE EXCLUSIVE while a table is read once, which blocks neither reads nor writes. Undone by adding the constraints
-- without validation.

UPDATE users SET
    last_login = CASE WHEN last_login < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN last_login >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE last_login END,
    locked_until = CASE WHEN locked_until < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN locked_until >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE locked_until END,
    created_at = CASE WHEN created_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN created_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE created_at END,
    updated_at = CASE WHEN updated_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN updated_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE updated_at END,
    deleted_at = CASE WHEN deleted_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN deleted_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE deleted_at END
WHERE last_login < to_timestamp('-62135596800'::float8) OR last_login >= to_timestamp('253402300800'::float8)
   OR locked_until < to_timestamp('-62135596800'::float8) OR locked_until >= to_timestamp('253402300800'::float8)
   OR created_at < to_timestamp('-62135596800'::float8) OR created_at >= to_timestamp('253402300800'::float8)
   OR updated_at < to_timestamp('-62135596800'::float8) OR updated_at >= to_timestamp('253402300800'::float8)
   OR deleted_at < to_timestamp('-62135596800'::float8) OR deleted_at >= to_timestamp('253402300800'::float8);

UPDATE oauth_providers SET
    expires_at = CASE WHEN expires_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN expires_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE expires_at END,
    created_at = CASE WHEN created_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN created_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE created_at END,
    updated_at = CASE WHEN updated_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN updated_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE updated_at END
WHERE expires_at < to_timestamp('-62135596800'::float8) OR expires_at >= to_timestamp('253402300800'::float8)
   OR created_at < to_timestamp('-62135596800'::float8) OR created_at >= to_timestamp('253402300800'::float8)
   OR updated_at < to_timestamp('-62135596800'::float8) OR updated_at >= to_timestamp('253402300800'::float8);

UPDATE refresh_tokens SET
    expires_at = CASE WHEN expires_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN expires_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE expires_at END,
    created_at = CASE WHEN created_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN created_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE created_at END,
    revoked_at = CASE WHEN revoked_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN revoked_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE revoked_at END
WHERE expires_at < to_timestamp('-62135596800'::float8) OR expires_at >= to_timestamp('253402300800'::float8)
   OR created_at < to_timestamp('-62135596800'::float8) OR created_at >= to_timestamp('253402300800'::float8)
   OR revoked_at < to_timestamp('-62135596800'::float8) OR revoked_at >= to_timestamp('253402300800'::float8);

UPDATE auth_events SET
    occurred_at = CASE WHEN occurred_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN occurred_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE occurred_at END
WHERE occurred_at < to_timestamp('-62135596800'::float8) OR occurred_at >= to_timestamp('253402300800'::float8);

UPDATE maintenance_runs SET
    started_at = CASE WHEN started_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN started_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE started_at END,
    finished_at = CASE WHEN finished_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN finished_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE finished_at END
WHERE started_at < to_timestamp('-62135596800'::float8) OR started_at >= to_timestamp('253402300800'::float8)
   OR finished_at < to_timestamp('-62135596800'::float8) OR finished_at >= to_timestamp('253402300800'::float8);

UPDATE login_throttles SET
    last_failed_at = CASE WHEN last_failed_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN last_failed_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE last_failed_at END,
    blocked_until = CASE WHEN blocked_until < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN blocked_until >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE blocked_until END
WHERE last_failed_at < to_timestamp('-62135596800'::float8) OR last_failed_at >= to_timestamp('253402300800'::float8)
   OR blocked_until < to_timestamp('-62135596800'::float8) OR blocked_until >= to_timestamp('253402300800'::float8);

UPDATE oauth_states SET
    expires_at = CASE WHEN expires_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN expires_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE expires_at END
WHERE expires_at < to_timestamp('-62135596800'::float8) OR expires_at >= to_timestamp('253402300800'::float8);

UPDATE database_identity SET
    created_at = CASE WHEN created_at < to_timestamp('-62135596800'::float8) THEN to_timestamp('-62135596800'::float8)
        WHEN created_at >= to_timestamp('253402300800'::float8) THEN to_timestamp('253402300800'::float8) - INTERVAL '1 microsecond'
        ELSE created_at END
WHERE created_at < to_timestamp('-62135596800'::float8) OR created_at >= to_timestamp('253402300800'::float8);

UPDATE maintenance_runs SET counts = jsonb_build_object('value', counts) WHERE jsonb_typeof(counts) <> 'object';

ALTER TABLE users VALIDATE CONSTRAINT chk_users_last_login_range;
ALTER TABLE users VALIDATE CONSTRAINT chk_users_locked_until_range;
ALTER TABLE users VALIDATE CONSTRAINT chk_users_created_at_range;
ALTER TABLE users VALIDATE CONSTRAINT chk_users_updated_at_range;
ALTER TABLE users VALIDATE CONSTRAINT chk_users_deleted_at_range;
ALTER TABLE oauth_providers VALIDATE CONSTRAINT chk_oauth_providers_expires_at_range;
ALTER TABLE oauth_providers VALIDATE CONSTRAINT chk_oauth_providers_created_at_range;
ALTER TABLE oauth_providers VALIDATE CONSTRAINT chk_oauth_providers_updated_at_range;
ALTER TABLE refresh_tokens VALIDATE CONSTRAINT chk_refresh_tokens_expires_at_range;
ALTER TABLE refresh_tokens VALIDATE CONSTRAINT chk_refresh_tokens_created_at_range;
ALTER TABLE refresh_tokens VALIDATE CONSTRAINT chk_refresh_tokens_revoked_at_range;
ALTER TABLE auth_events VALIDATE CONSTRAINT chk_auth_events_occurred_at_range;
ALTER TABLE maintenance_runs VALIDATE CONSTRAINT chk_maintenance_runs_started_at_range;
ALTER TABLE maintenance_runs VALIDATE CONSTRAINT chk_maintenance_runs_finished_at_range;
ALTER TABLE maintenance_runs VALIDATE CONSTRAINT chk_maintenance_runs_counts_object;
ALTER TABLE login_throttles VALIDATE CONSTRAINT chk_login_throttles_last_failed_at_range;
ALTER TABLE login_throttles VALIDATE CONSTRAINT chk_login_throttles_blocked_until_range;
ALTER TABLE oauth_states VALIDATE CONSTRAINT chk_oauth_states_expires_at_range;
ALTER TABLE database_identity VALIDATE CONSTRAINT chk_database_identity_created_at_range;
