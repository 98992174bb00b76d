//! Drift: the live schema compared with what the applied migrations make.

use super::catalogue::{Catalogue, Difference};
use super::embedded;
use super::ledger::{AppliedMigration, RecordKind};
use crate::db::Backend;

/// Differences of a live schema from what the applied migrations make. Empty if the newest applied migration is
/// unknown.
pub(crate) fn drift(live: &Catalogue, applied: &[AppliedMigration], backend: Backend) -> Vec<Difference> {
    let after =
        |applied: &AppliedMigration| embedded::find(&applied.version).map(|known| Catalogue::after(known, backend));
    let Some(expected) = applied.last().and_then(after) else { return Vec::new() };
    let taken_over = applied.iter().rfind(|applied| applied.origin.is_some_and(|origin| origin != RecordKind::Applied));
    live.drift_from(&expected, taken_over.and_then(after).as_ref())
}
