//! Drift: the live schema compared with what the applied migrations make.

use super::catalogue::{self, Catalogue, Difference};
use super::embedded;
use super::error::Error;
use super::ledger::{AppliedMigration, RecordKind};
use super::schema_version;
use crate::db::{Backend, Connection};

/// Differences of a live schema from what the applied migrations make. Empty if the newest applied migration is
/// unknown.
pub(crate) fn drift(live: &Catalogue, applied: &[AppliedMigration], backend: Backend) -> Vec<Difference> {
    let after =
        |applied: &AppliedMigration| embedded::find(&applied.version).map(|known| Catalogue::after(known, backend));
    let Some(expected) = applied.last().and_then(after) else { return Vec::new() };
    let taken_over = applied.iter().rfind(|applied| applied.origin.is_some_and(|origin| origin != RecordKind::Applied));
    live.drift_from(&expected, taken_over.and_then(after).as_ref())
}

/// Objects that no migration makes, on tables that migrations make. Examples: `column users.phone`, `index
/// users.idx_phone`.
///
/// # Errors
/// Returns an error if the database does not answer.
pub async fn extra_objects(connection: &mut Connection, applied: &[AppliedMigration]) -> Result<Vec<String>, Error> {
    let expected = schema_version::catalogue_of_newest(applied, connection.backend());
    let differences = catalogue::read(connection).await?.shape_differs_from(&expected);
    let extra = differences.into_iter().filter(Difference::is_extra);
    Ok(extra.map(|difference| difference.object).collect())
}
