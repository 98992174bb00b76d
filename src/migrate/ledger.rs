//! Reads the migration ledger of a database.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::db::{Backend, Connection, DbErrorKind, Error, Row, first_column};

/// Tables of the ledger itself.
const LEDGER_TABLES: [&str; 2] = ["seaql_migrations", LEDGER];
/// Ledger table that this program reads.
pub const LEDGER: &str = "authsvc_migrations";
/// Ledger table of the legacy manager.
const LEGACY_LEDGER: &str = "migration_records";

/// State of a database's migration history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerState {
    /// The database has no tables.
    Empty,
    /// The ledger of this program: applied migrations, oldest first.
    Ledger(Vec<AppliedMigration>),
    /// The ledger of the legacy manager: names of the files that it applied.
    Legacy(Vec<String>),
    /// Names of the tables in a database without a ledger.
    Unknown(Vec<String>),
}

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Name of the form `NNN_name`.
    pub version: String,
    /// Time of the application, in whole seconds.
    pub applied_at: Option<DateTime<Utc>>,
    /// SHA-256 of the applied SQL, in hex.
    pub checksum: String,
    /// Kind of the record. `None` if it is unknown to this program.
    pub origin: Option<RecordKind>,
    /// Duration of the migration, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Version of authsvc that applied the migration.
    pub app_version: Option<String>,
    /// True if programs that do not know the migration may work with the database.
    pub compatible: bool,
}

/// Kind of a ledger record: applied by its SQL, or recorded without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// Its SQL was run.
    Applied,
    /// It was recorded when a legacy manager's database was adopted.
    Adopted,
    /// It was recorded by `--baseline`.
    Baseline,
}

impl RecordKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Adopted => "adopted",
            Self::Baseline => "baseline",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Applied, Self::Adopted, Self::Baseline].into_iter().find(|origin| origin.as_str() == text)
    }
}

/// Reads the history, in one round trip if a ledger exists.
///
/// # Errors
/// Returns an error if the database does not answer.
pub async fn read(connection: &mut Connection) -> Result<LedgerState, Error> {
    let sql = connection.backend().read_ledger();
    match connection.query(sql).await {
        Ok(rows) => Ok(LedgerState::from_rows(&rows)),
        Err(error) if is_missing_table(&error, connection.backend()) => without_ledger(connection).await,
        Err(error) => Err(error),
    }
}

pub(crate) fn is_missing_table(error: &Error, backend: Backend) -> bool {
    error.kind() == DbErrorKind::UndefinedTable
        || (backend == Backend::Sqlite && error.to_string().contains("no such table"))
}

/// Determines the state of a database without a ledger. If a ledger exists by now, another migrator has just created
/// it.
pub(crate) async fn without_ledger(connection: &mut Connection) -> Result<LedgerState, Error> {
    let backend = connection.backend();
    let rows = connection.query(backend.read_tables()).await?;
    if rows.iter().flatten().any(Option::is_none) {
        let message = "this role may use no schema of its search_path, if there is one (GRANT USAGE ON SCHEMA)";
        return Err(Error::new(DbErrorKind::PermissionDenied, message));
    }
    let tables = first_column(rows);
    if LEDGER_TABLES.iter().all(|own| tables.iter().any(|table| table == own)) {
        return Ok(LedgerState::from_rows(&connection.query(backend.read_ledger()).await?));
    }
    if tables.iter().any(|table| table == LEGACY_LEDGER) {
        return Ok(LedgerState::Legacy(first_column(connection.query(backend.read_legacy_records()).await?)));
    }
    let tables: Vec<String> = tables.into_iter().filter(|table| !LEDGER_TABLES.contains(&table.as_str())).collect();
    Ok(if tables.is_empty() { LedgerState::Empty } else { LedgerState::Unknown(tables) })
}

impl LedgerState {
    /// Applied migrations, oldest first.
    pub(crate) fn applied(&self) -> &[AppliedMigration] {
        if let Self::Ledger(applied) = self { applied } else { &[] }
    }

    /// Name of the newest applied migration.
    pub(crate) fn newest(&self) -> Option<&str> {
        self.applied().last().map(|applied| applied.version.as_str())
    }

    /// Builds the state from rows of the ledger query. Other rows are skipped.
    pub(crate) fn from_rows(rows: &[Row]) -> Self {
        let mut applied: Vec<AppliedMigration> = rows.iter().filter_map(AppliedMigration::from_row).collect();
        applied.sort_by(|one, other| one.version.cmp(&other.version));
        Self::Ledger(applied)
    }
}

impl AppliedMigration {
    /// Parses a ledger row from a source other than a query. `column` returns the text of a named column.
    pub fn from_columns(column: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let seconds = column("applied_at").and_then(|text| text.parse().ok());
        Some(Self {
            version: column("version")?,
            applied_at: seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            checksum: column("checksum")?,
            origin: column("kind").as_deref().and_then(RecordKind::parse),
            duration_ms: column("duration_ms").and_then(|text| text.parse().ok()),
            app_version: column("app_version"),
            compatible: matches!(column("compatible").as_deref(), Some("t" | "1")),
        })
    }

    fn from_row(row: &Row) -> Option<Self> {
        let column = |at: usize| row.get(at).and_then(Option::as_deref);
        if column(0) != Some("ledger") {
            return None;
        }
        let seconds = column(2).and_then(|text| text.parse().ok());
        Some(Self {
            version: column(1)?.to_owned(),
            applied_at: seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            checksum: column(3)?.to_owned(),
            origin: column(4).and_then(RecordKind::parse),
            duration_ms: column(5).and_then(|text| text.parse().ok()),
            app_version: column(6).map(str::to_owned),
            compatible: column(7) == Some("t"),
        })
    }
}
