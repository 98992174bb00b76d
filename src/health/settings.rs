//! Settings of the health reports.

use std::path::PathBuf;

use super::thresholds::Thresholds;
use crate::db::DatabaseUrl;

/// Settings of the health reports.
#[derive(Debug, Clone)]
pub struct HealthSettings {
    /// URL of the database.
    pub url: DatabaseUrl,
    /// Environment: `development`, `test`, `staging` or `production`.
    pub environment: String,
    /// Directory of the backups.
    pub backup_dir: PathBuf,
    /// Thresholds above or below which a figure is a finding.
    pub thresholds: Thresholds,
    /// Ability of this process to sign tokens for logins.
    pub sign_in: SignIn,
}

/// Ability of this process to sign tokens. Without a key, no account can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// This is a command, which signs no tokens.
    NotServed,
    /// The process has a signing key.
    Possible,
    /// The process has no signing key.
    NoKey,
}
