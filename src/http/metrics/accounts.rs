//! Metrics of accounts, tokens and logins.

use prometheus::Result;

use super::families::Families;
use crate::health::{AuthenticationHealth, HealthReading, SecurityHealth};

pub(super) fn describe(families: &Families, reading: &HealthReading) -> Result<()> {
    let detailed = &reading.detailed;
    users(families, &detailed.authentication_health, &detailed.security_health)?;
    tokens(families, &detailed.authentication_health)?;
    families.counters(
        "authsvc_failed_logins_total",
        "Failed logins at any process since this process began. From auth_events.",
        [],
        [([""; 0], Some(reading.counters.failed_logins))],
    )?;
    security(families, &detailed.security_health)
}

fn users(families: &Families, accounts: &AuthenticationHealth, security: &SecurityHealth) -> Result<()> {
    families.gauges(
        "authsvc_users",
        "Accounts that are not deleted, by state. States overlap, so do not add them up: all; active, may log in; verified or \
         unverified address; locked now; recent, logged in within 7 days; inactive, not within 90 days or never. From users.",
        ["state"],
        [
            (["all"], accounts.total_users),
            (["active"], accounts.active_users),
            (["verified"], accounts.verified_users),
            (["unverified"], security.unverified_accounts),
            (["locked"], security.locked_accounts),
            (["recent"], accounts.recent_logins),
            (["inactive"], security.inactive_accounts),
        ],
    )?;
    families.gauges(
        "authsvc_users_by_origin",
        "Accounts that are not deleted, by origin: email (with a password) or provider. From users.",
        ["origin"],
        [(["email"], accounts.email_users), (["provider"], accounts.oauth_users)],
    )
}

fn tokens(families: &Families, accounts: &AuthenticationHealth) -> Result<()> {
    families.gauges(
        "authsvc_refresh_tokens",
        "Refresh tokens, each in one state: active, can be used; expired, and not revoked; revoked, used or logged out. From \
         refresh_tokens.",
        ["state"],
        [
            (["active"], accounts.active_tokens),
            (["expired"], accounts.expired_tokens),
            (["revoked"], accounts.revoked_tokens),
        ],
    )?;
    families.gauge(
        "authsvc_oauth_tokens_expired",
        "Access tokens of providers that have expired and are not erased. From oauth_providers.",
        accounts.expired_oauth_tokens,
    )
}

fn security(families: &Families, security: &SecurityHealth) -> Result<()> {
    families.gauge(
        "authsvc_suspicious_activity",
        "Refresh tokens that were used twice within 24 hours, and client addresses with 20 or more failed logins within the \
         last hour. From auth_events.",
        security.suspicious_activity,
    )?;
    families.gauge(
        "authsvc_seed_accounts",
        "Known development accounts, including deactivated ones. From users.",
        security.seed_accounts,
    )
}
