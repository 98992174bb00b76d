-- The constraints hold for new rows only, as after 012.
-- Locks: ACCESS EXCLUSIVE on each table for a moment.

ALTER TABLE users
    DROP CONSTRAINT chk_users_last_login_range,
    DROP CONSTRAINT chk_users_locked_until_range,
    DROP CONSTRAINT chk_users_created_at_range,
    DROP CONSTRAINT chk_users_updated_at_range,
    DROP CONSTRAINT chk_users_deleted_at_range;
ALTER TABLE oauth_providers
    DROP CONSTRAINT chk_oauth_providers_expires_at_range,
    DROP CONSTRAINT chk_oauth_providers_created_at_range,
    DROP CONSTRAINT chk_oauth_providers_updated_at_range;
ALTER TABLE refresh_tokens
    DROP CONSTRAINT chk_refresh_tokens_expires_at_range,
    DROP CONSTRAINT chk_refresh_tokens_created_at_range,
    DROP CONSTRAINT chk_refresh_tokens_revoked_at_range;
ALTER TABLE auth_events
    DROP CONSTRAINT chk_auth_events_occurred_at_range;
ALTER TABLE maintenance_runs
    DROP CONSTRAINT chk_maintenance_runs_started_at_range,
    DROP CONSTRAINT chk_maintenance_runs_finished_at_range,
    DROP CONSTRAINT chk_maintenance_runs_counts_object;
ALTER TABLE login_throttles
    DROP CONSTRAINT chk_login_throttles_last_failed_at_range,
    DROP CONSTRAINT chk_login_throttles_blocked_until_range;
ALTER TABLE oauth_states
    DROP CONSTRAINT chk_oauth_states_expires_at_range;
ALTER TABLE database_identity
    DROP CONSTRAINT chk_database_identity_created_at_range;

ALTER TABLE users
    ADD CONSTRAINT chk_users_last_login_range
        CHECK (last_login >= to_timestamp('-62135596800'::float8) AND last_login < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_users_locked_until_range
        CHECK (locked_until >= to_timestamp('-62135596800'::float8) AND locked_until < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_users_created_at_range
        CHECK (created_at >= to_timestamp('-62135596800'::float8) AND created_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_users_updated_at_range
        CHECK (updated_at >= to_timestamp('-62135596800'::float8) AND updated_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_users_deleted_at_range
        CHECK (deleted_at >= to_timestamp('-62135596800'::float8) AND deleted_at < to_timestamp('253402300800'::float8)) NOT VALID;

ALTER TABLE oauth_providers
    ADD CONSTRAINT chk_oauth_providers_expires_at_range
        CHECK (expires_at >= to_timestamp('-62135596800'::float8) AND expires_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_oauth_providers_created_at_range
        CHECK (created_at >= to_timestamp('-62135596800'::float8) AND created_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_oauth_providers_updated_at_range
        CHECK (updated_at >= to_timestamp('-62135596800'::float8) AND updated_at < to_timestamp('253402300800'::float8)) NOT VALID;

ALTER TABLE refresh_tokens
    ADD CONSTRAINT chk_refresh_tokens_expires_at_range
        CHECK (expires_at >= to_timestamp('-62135596800'::float8) AND expires_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_refresh_tokens_created_at_range
        CHECK (created_at >= to_timestamp('-62135596800'::float8) AND created_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_refresh_tokens_revoked_at_range
        CHECK (revoked_at >= to_timestamp('-62135596800'::float8) AND revoked_at < to_timestamp('253402300800'::float8)) NOT VALID;

ALTER TABLE auth_events
    ADD CONSTRAINT chk_auth_events_occurred_at_range
        CHECK (occurred_at >= to_timestamp('-62135596800'::float8) AND occurred_at < to_timestamp('253402300800'::float8)) NOT VALID;

ALTER TABLE maintenance_runs
    ADD CONSTRAINT chk_maintenance_runs_started_at_range
        CHECK (started_at >= to_timestamp('-62135596800'::float8) AND started_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_maintenance_runs_finished_at_range
        CHECK (finished_at >= to_timestamp('-62135596800'::float8) AND finished_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_maintenance_runs_counts_object CHECK (jsonb_typeof(counts) = 'object') NOT VALID;

ALTER TABLE login_throttles
    ADD CONSTRAINT chk_login_throttles_last_failed_at_range
        CHECK (last_failed_at >= to_timestamp('-62135596800'::float8) AND last_failed_at < to_timestamp('253402300800'::float8)) NOT VALID,
    ADD CONSTRAINT chk_login_throttles_blocked_until_range
        CHECK (blocked_until >= to_timestamp('-62135596800'::float8) AND blocked_until < to_timestamp('253402300800'::float8)) NOT VALID;

ALTER TABLE oauth_states
    ADD CONSTRAINT chk_oauth_states_expires_at_range
        CHECK (expires_at >= to_timestamp('-62135596800'::float8) AND expires_at < to_timestamp('253402300800'::float8)) NOT VALID;

ALTER TABLE database_identity
    ADD CONSTRAINT chk_database_identity_created_at_range
        CHECK (created_at >= to_timestamp('-62135596800'::float8) AND created_at < to_timestamp('253402300800'::float8)) NOT VALID;
