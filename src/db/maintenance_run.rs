//! Record of a finished run, as a row of `maintenance_runs`. The database's clock sets the time, because the clocks of
//! replicas and operators differ. It uses simple queries, because the schema may not be current.

use std::time::Duration;

use super::{Connection, Error, first_column};

/// Fields of the record.
pub(crate) struct FinishedRun {
    /// Kind of the run.
    pub(crate) kind: String,
    /// Duration of the run, which ends when it is recorded.
    pub(crate) took: Duration,
    /// Outcome of the run.
    pub(crate) outcome: String,
    /// Counts of the run's work, as JSON.
    pub(crate) counts: String,
    /// Reason of a failure.
    pub(crate) error: Option<String>,
}

impl Connection {
    /// Returns true if a table for runs exists and this role may insert into it.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub(crate) async fn can_insert_runs(&mut self) -> Result<bool, Error> {
        let sql = self.backend().pick(
            "SELECT has_table_privilege(to_regclass('maintenance_runs'), 'INSERT')::text",
            "SELECT 'true' FROM sqlite_schema WHERE type = 'table' AND name = 'maintenance_runs'",
        );
        Ok(first_column(self.query(sql).await?).first().is_some_and(|answer| answer == "true"))
    }

    /// Inserts the record of a run.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub(crate) async fn insert_run(&mut self, run: &FinishedRun) -> Result<(), Error> {
        let backend = self.backend();
        // an error about a NUL contains the NUL, which cannot be stored
        let literal = |text: &str| backend.literal(&text.replace('\0', ""));
        let limits = backend.pick("SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '2s'; ", "");
        let sql = format!(
            "{limits}INSERT INTO maintenance_runs (kind, started_at, finished_at, outcome, counts, error) \
             VALUES ({}, {}, {}, {}, {}, {})",
            literal(&run.kind),
            backend.ago(run.took),
            backend.ago(Duration::ZERO),
            literal(&run.outcome),
            literal(&run.counts),
            run.error.as_deref().map_or("NULL".to_owned(), literal),
        );
        self.change(sql).await.map(|_| ())
    }
}
