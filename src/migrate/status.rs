//! Report of `authsvc status`: all migrations, and the drift of the live schema. Read-only.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::catalogue::{Catalogue, Difference};
use super::drift_check;
use super::embedded;
use super::error::Error;
use super::ledger::{self, AppliedMigration, LedgerState, RecordKind};
use super::plan;
use crate::db::{Backend, Connection, DatabaseUrl, DbErrorKind, PartialRows, Row};

/// State of a database's migration history.
#[derive(Debug, Serialize)]
pub struct MigrationStatus {
    /// URL of the database, without the password.
    pub database: String,
    /// Database engine: `postgres` or `sqlite`.
    pub backend: String,
    /// State: `up_to_date`, `pending`, `empty`, `earlier_manager`, `no_history`, `newer`, `changed` or `drifted`.
    pub state: HistoryState,
    /// Number of applied migrations.
    pub applied: usize,
    /// Number of pending migrations.
    pub pending: usize,
    /// All migrations, oldest first: those of this program, and those that only the database has.
    pub migrations: Vec<MigrationLine>,
    /// Differences of the live schema from what the applied migrations make.
    pub drift: Vec<Difference>,
}

/// Overall state of the migration history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryState {
    /// All migrations are applied, and the schema matches.
    UpToDate,
    /// Migrations are pending. `authsvc migrate` applies them.
    Pending,
    /// The database has no tables.
    Empty,
    /// The database belongs to the legacy manager.
    EarlierManager,
    /// The database has tables but no history.
    NoHistory,
    /// The database has migrations that this program does not know.
    Newer,
    /// An applied migration was changed.
    Changed,
    /// The live schema differs from what the migrations make.
    Drifted,
}

/// One migration in the report.
#[derive(Debug, Serialize)]
pub struct MigrationLine {
    /// The three digits of the name.
    pub number: String,
    /// Name of the form `NNN_name`.
    pub name: String,
    /// State: `applied` or `pending`.
    pub state: &'static str,
    /// Time of the application.
    pub applied_at: Option<DateTime<Utc>>,
    /// Duration of the migration, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Kind of its ledger record. `None` if it is not applied.
    pub origin: Option<RecordKind>,
    /// Version of authsvc that applied the migration.
    pub app_version: Option<String>,
    /// Comparison of the program's SQL with the applied SQL.
    pub checksum: ChecksumState,
}

/// Result of comparing the program's SQL with the applied SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChecksumState {
    /// The SQL is unchanged.
    Ok,
    /// The SQL differs from what was applied.
    Changed,
    /// This program does not have the migration.
    Unknown,
    /// The migration is not applied.
    None,
}

impl MigrationStatus {
    /// Returns true if nothing is pending and nothing is wrong. `--check` uses it.
    pub fn is_clean(&self) -> bool {
        self.state == HistoryState::UpToDate
    }
}

/// Reads ledger and catalogue, in one round trip if a ledger exists.
///
/// # Errors
/// Returns an error if the database could not be reached or read.
pub async fn status(url: &DatabaseUrl) -> Result<MigrationStatus, Error> {
    match Connection::open(url).await {
        Ok(mut connection) => {
            let found = read(&mut connection).await?;
            connection.hang_up().await;
            Ok(build_status(url, &found.state, &found.rows))
        }
        Err(error) if error.kind() == DbErrorKind::NoSuchFile && url.may_be_created() => {
            Ok(build_status(url, &LedgerState::Empty, &[]))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads the drift of the live schema on an open connection.
///
/// # Errors
/// Returns an error if the database could not be read.
pub async fn drift(connection: &mut Connection) -> Result<Vec<Difference>, crate::db::Error> {
    let LedgerAndCatalogue { state, rows } = read(connection).await?;
    Ok(drift_of(&Catalogue::from_rows(&rows), &state, connection.backend()))
}

/// Computes the drift from a schema and a history that were read before.
pub fn drift_of(live: &Catalogue, state: &LedgerState, backend: Backend) -> Vec<Difference> {
    drift_check::drift(live, state.applied(), backend)
}

/// Short form of a history, without a check of the live schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySummary {
    /// Overall state of the history.
    pub summary: HistoryState,
    /// Number of applied migrations.
    pub applied: usize,
    /// Number of this program's migrations that are not applied.
    pub pending: usize,
}

impl HistorySummary {
    /// Summarises a history that was read.
    pub fn of(state: &LedgerState, backend: Backend) -> Self {
        let applied = state.applied();
        let is_pending = |name: &str| !applied.iter().any(|applied| applied.version == name);
        let pending = embedded::migrations().iter().filter(|migration| is_pending(migration.name)).count();
        Self { summary: summary(state, pending, &[], backend), applied: applied.len(), pending }
    }

    /// Returns true if every migration of this program is applied, so that its queries work.
    pub fn is_current(self) -> bool {
        self.applied > 0 && self.pending == 0
    }
}

fn build_status(url: &DatabaseUrl, state: &LedgerState, rows: &[Row]) -> MigrationStatus {
    let backend = url.backend();
    let applied = state.applied();
    let drift = drift_check::drift(&Catalogue::from_rows(rows), applied, backend);
    let migrations = lines(applied, backend);
    let pending = migrations.iter().filter(|line| line.state == "pending").count();
    MigrationStatus {
        database: url.to_string(),
        backend: backend.to_string(),
        state: summary(state, pending, &drift, backend),
        applied: applied.len(),
        pending,
        migrations,
        drift,
    }
}

/// Result of one round trip.
struct LedgerAndCatalogue {
    state: LedgerState,
    /// Rows of the catalogue, among others.
    rows: Vec<Row>,
}

async fn read(connection: &mut Connection) -> Result<LedgerAndCatalogue, crate::db::Error> {
    let backend = connection.backend();
    match connection.query_partial(backend.read_ledger_and_catalogue()).await {
        PartialRows { rows, failure: None } => Ok(LedgerAndCatalogue { state: LedgerState::from_rows(&rows), rows }),
        PartialRows { failure: Some(error), .. } if ledger::is_missing_table(&error, backend) => {
            Ok(LedgerAndCatalogue { state: ledger::without_ledger(connection).await?, rows: Vec::new() })
        }
        PartialRows { failure: Some(error), .. } => Err(error),
    }
}

fn summary(state: &LedgerState, pending: usize, drift: &[Difference], backend: Backend) -> HistoryState {
    let applied = match state {
        LedgerState::Empty => return HistoryState::Empty,
        LedgerState::Legacy(_) => return HistoryState::EarlierManager,
        LedgerState::Unknown(_) => return HistoryState::NoHistory,
        LedgerState::Ledger(applied) => applied,
    };
    match plan::check(applied, embedded::migrations(), backend) {
        Err(Error::Changed { .. }) => HistoryState::Changed,
        Err(_) => HistoryState::Newer,
        Ok(_) if !drift.is_empty() => HistoryState::Drifted,
        Ok(_) if pending > 0 => HistoryState::Pending,
        Ok(_) => HistoryState::UpToDate,
    }
}

fn lines(applied: &[AppliedMigration], backend: Backend) -> Vec<MigrationLine> {
    let find = |name: &str| applied.iter().find(|applied| applied.version == name);
    let known = embedded::migrations().iter().map(|migration| {
        let checksum = |applied: &AppliedMigration| {
            if applied.checksum == migration.checksum(backend) { ChecksumState::Ok } else { ChecksumState::Changed }
        };
        let applied = find(migration.name);
        MigrationLine::new(migration.name, applied, applied.map_or(ChecksumState::None, checksum))
    });
    let unknown = applied.iter().filter(|applied| embedded::find(&applied.version).is_none());
    let unknown = unknown.map(|applied| MigrationLine::new(&applied.version, Some(applied), ChecksumState::Unknown));
    let mut lines: Vec<MigrationLine> = known.chain(unknown).collect();
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    lines
}

impl MigrationLine {
    fn new(name: &str, applied: Option<&AppliedMigration>, checksum: ChecksumState) -> Self {
        Self {
            number: name.chars().take_while(char::is_ascii_digit).collect(),
            name: name.to_owned(),
            state: if applied.is_some() { "applied" } else { "pending" },
            applied_at: applied.and_then(|applied| applied.applied_at),
            duration_ms: applied.and_then(|applied| applied.duration_ms),
            origin: applied.and_then(|applied| applied.origin),
            app_version: applied.and_then(|applied| applied.app_version.clone()),
            checksum,
        }
    }
}
