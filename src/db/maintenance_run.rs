//! A run that has ended, as a row of `maintenance_runs`. The database's clock tells when: replicas and operators have clocks
//! of their own. Simple queries, because the schema need not be current.

use std::time::Duration;

use super::{Connection, Error, first_column};

/// What is told of it.
pub(crate) struct FinishedRun {
    /// What ran.
    pub(crate) kind: String,
    /// How long; it ends when it is recorded.
    pub(crate) took: Duration,
    /// How it ended.
    pub(crate) outcome: String,
    /// JSON: what it did.
    pub(crate) counts: String,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

impl Connection {
    /// Whether there is a table for runs that this role may add to.
    ///
    /// # Errors
    /// What the database said.
    pub(crate) async fn can_insert_runs(&mut self) -> Result<bool, Error> {
        let sql = self.backend().pick(
            "SELECT has_table_privilege(to_regclass('maintenance_runs'), 'INSERT')::text",
            "SELECT 'true' FROM sqlite_schema WHERE type = 'table' AND name = 'maintenance_runs'",
        );
        Ok(first_column(self.query(sql).await?).first().is_some_and(|answer| answer == "true"))
    }

    /// Adds the run.
    ///
    /// # Errors
    /// What the database said.
    pub(crate) async fn insert_run(&mut self, run: &FinishedRun) -> Result<(), Error> {
        let backend = self.backend();
        // what tells of NUL cannot be stored with it
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
