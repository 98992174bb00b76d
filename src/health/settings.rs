//! What it takes to make a report.

use std::path::PathBuf;

use super::thresholds::Thresholds;
use crate::db::DatabaseUrl;

/// What it takes to make a report.
#[derive(Debug, Clone)]
pub struct HealthSettings {
    /// The database.
    pub url: DatabaseUrl,
    /// `development`, `test`, `staging` or `production`.
    pub environment: String,
    /// Where backups are.
    pub backup_dir: PathBuf,
    /// From where on a figure is a finding.
    pub thresholds: Thresholds,
    /// Whether people can log in.
    pub sign_in: SignIn,
}

/// Whether this process can sign tokens, without which nobody can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// It is a command, which signs nothing.
    NotServed,
    /// It has a key.
    Possible,
    /// It has none.
    NoKey,
}
