//! Columns of the tables that generated content fills.

pub(crate) const USERS: &str = "id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified, \
    active, failed_login_count, locked_until, created_at, updated_at, deleted_at, failed_logins_as_of, pending_attempts, pending_until";
pub(crate) const OAUTH_PROVIDERS: &str =
    "id, user_id, provider, provider_id, access_token, refresh_token, expires_at, key_id, created_at, updated_at";
pub(crate) const REFRESH_TOKENS: &str =
    "id, user_id, token_hash, family_id, expires_at, created_at, revoked, revoked_at, ip, user_agent";
pub(crate) const AUTH_EVENTS: &str = "id, occurred_at, kind, user_id, email, ip, user_agent, detail";
pub(crate) const MAINTENANCE_RUNS: &str = "id, kind, started_at, finished_at, outcome, counts, error";
pub(crate) const LOGIN_THROTTLES: &str =
    "subject, failures, last_failed_at, blocked_until, failures_as_of, pending_attempts, pending_until";
pub(crate) const OAUTH_STATES: &str = "state_hash, expires_at";
pub(crate) const KNOWN_DEVICES: &str = "digest, user_id, kind, last_login_at";
pub(crate) const EVENT_KINDS: [&str; 3] = ["registered", "login_failed", "refresh_token_reused"];
pub(crate) const RUN_KINDS: [&str; 3] = ["cleanup", "verify", "rollback"];
