//! Checks of accounts and logins.

use crate::health::check::{HealthCheck, HealthStatus};
use crate::health::hashing::{HashingState, PATIENCE};
use crate::health::pluralized::pluralized;
use crate::health::report::SecurityHealth;
use crate::health::settings::SignIn;
use crate::health::thresholds::Thresholds;

/// Check whether this process has a key for signing tokens.
pub(super) fn signing_key(sign_in: SignIn) -> Option<HealthCheck> {
    match sign_in {
        SignIn::NotServed => None,
        SignIn::Possible => Some(HealthCheck::healthy("signing_key", "a signing key is set")),
        SignIn::NoKey => {
            let hint = "`openssl genpkey -algorithm ed25519` makes one; give every replica the same key and restart it";
            let message = "no account can log in: AUTHSVC_JWT_KEY is not set";
            Some(HealthCheck::new("signing_key", HealthStatus::Unhealthy, message, hint))
        }
    }
}

/// Check whether a password was hashed in time.
pub(in crate::health) fn password_hashing(state: HashingState) -> HealthCheck {
    match state.took {
        Some(took) => {
            HealthCheck::healthy("password_hashing", format!("a password was hashed in {} ms", took.as_millis()))
        }
        None => {
            let message =
                format!("no password was hashed within {} ms, and {} wait", PATIENCE.as_millis(), state.waiting);
            let hint =
                "look for a client that floods POST /auth/login (auth_events by ip); give the process more processors";
            HealthCheck::new("password_hashing", HealthStatus::Degraded, message, hint)
        }
    }
}

/// Check of accounts that cannot log in because their stored hash is refused.
pub(in crate::health) fn password_hashes(state: HashingState) -> HealthCheck {
    if state.refused_hashes == 0 {
        return HealthCheck::healthy("password_hashes", "every stored hash that a login needed was checked");
    }
    let message =
        pluralized(state.refused_hashes, "login", "logins") + " to accounts whose stored password hash is not checked";
    let hint = "the log names the accounts and the reason; give each of them a new password";
    HealthCheck::new("password_hashes", HealthStatus::Degraded, message, hint)
}

/// Check of published development accounts in staging or production.
pub(super) fn seed_accounts(security: &SecurityHealth, environment: &str) -> Option<HealthCheck> {
    let found = security.seed_accounts?;
    let status = match environment {
        _ if found == 0 => return Some(HealthCheck::healthy("seed_accounts", "no known development account")),
        "production" => HealthStatus::Unhealthy,
        "staging" => HealthStatus::Degraded,
        _ => {
            let accounts = pluralized(found, "development account", "development accounts");
            return Some(HealthCheck::healthy("seed_accounts", format!("{accounts}, in {environment}")));
        }
    };
    let message =
        pluralized(found, "known development account", "known development accounts") + ", whose password is published";
    let hint = "delete them: the addresses of seed/users.json, and those that `authsvc migrate --adopt` named";
    Some(HealthCheck::new("seed_accounts", status, message, hint))
}

pub(super) fn failed_logins(security: &SecurityHealth, thresholds: &Thresholds) -> Option<HealthCheck> {
    let failed = security.failed_login_attempts?;
    let message = pluralized(failed, "failed login", "failed logins") + " in 24 hours";
    if failed <= thresholds.failed_logins {
        return Some(HealthCheck::healthy("failed_logins", message));
    }
    let hint = "a client may be guessing passwords: see auth_events by ip and email (AUTHSVC_HEALTH_FAILED_LOGINS is the limit)";
    Some(HealthCheck::new("failed_logins", HealthStatus::Degraded, message, hint))
}

pub(super) fn suspicious(security: &SecurityHealth, thresholds: &Thresholds) -> Option<HealthCheck> {
    let found = security.suspicious_activity?;
    if found == 0 {
        return Some(HealthCheck::healthy(
            "suspicious_activity",
            "no refresh token was used twice, and no address guesses passwords",
        ));
    }
    let message = format!("refresh tokens used twice, and addresses with twenty failed logins in an hour: {found}");
    if found <= thresholds.suspicious_activity {
        return Some(HealthCheck::healthy("suspicious_activity", message));
    }
    let hint = "see auth_events: kind refresh_token_reused, and login_failed by ip (AUTHSVC_HEALTH_SUSPICIOUS_ACTIVITY is the limit)";
    Some(HealthCheck::new("suspicious_activity", HealthStatus::Degraded, message, hint))
}
