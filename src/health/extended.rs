//! Extended figures of the detailed report: counts that scan tables, the catalogue, statement statistics, drift, and
//! backup files. They cost more than the basic report and are therefore queried less often, see
//! [`ExtendedFigures::is_fresh`].

use std::sync::Weak;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::counters::{Counters, Window};
use super::query_batch::BatchRows;
use super::report::{AuthenticationHealth, BackupHealth, IndexHealth, QueryHealth, RecordedRun, SecurityHealth};
use super::report_connection::{ReportConnection, ReportQuery};
use super::settings::HealthSettings;
use super::tagged_rows::TaggedRows;
use super::{accounts, backup_dir, maintenance, statements};
use crate::clock::Stopwatch;
use crate::db::{Connection, DbErrorKind, Error};
use crate::migrate::{self, Difference};

/// Time limit for all queries together.
const DEADLINE: Duration = Duration::from_secs(10);
/// Figures stay fresh for this multiple of their query time. The database thus spends at most a twentieth of one core
/// on them.
const FRESH_MULTIPLE: u32 = 20;
/// Shortest time for which the figures stay fresh.
const SHORTEST: Duration = Duration::from_secs(1);

/// Figures that the detailed report adds.
#[derive(Default)]
pub(super) struct ExtendedFigures {
    pub(super) authentication: AuthenticationHealth,
    pub(super) security: SecurityHealth,
    pub(super) backups: BackupHealth,
    /// Random id of the database, which identifies its backups.
    pub(super) database_id: Option<String>,
    /// Problems found in BACKUP_DIR.
    pub(super) backup_dir: BackupDirFindings,
    /// Newest backup that was recorded as written to BACKUP_DIR.
    pub(super) recorded_backup: Option<RecordedBackup>,
    pub(super) backup_free_bytes: Option<u64>,
    /// Alive while a thread scans the backup directory.
    pub(super) scan_in_progress: Weak<()>,
    /// Size of the database in bytes (PostgreSQL). The server reads the size of every file for it.
    pub(super) database_bytes: Option<u64>,
    pub(super) indexes: IndexHealth,
    pub(super) queries: QueryHealth,
    pub(super) slow_queries: Option<u64>,
    pub(super) mean_query_ms: Option<f64>,
    /// Reason why statement statistics are missing.
    pub(super) no_statements: Option<String>,
    pub(super) drift: Option<Vec<Difference>>,
    /// Newest run of each kind and outcome, newest first.
    pub(super) runs: Option<Vec<RecordedRun>>,
    pub(super) sequence_used: Option<f64>,
    /// Sequences whose value is below the ids of their tables.
    pub(super) sequences_behind: Vec<SequenceBehind>,
    pub(super) transaction_id_age: Option<u64>,
    /// Tables with more dead rows than live ones. `None` if the server does not count them.
    pub(super) dead_rows: Option<Vec<(String, u64)>>,
    pub(super) quick_check: Option<Vec<String>>,
    /// Damage that queries reported.
    pub(super) damage: Vec<String>,
    pub(super) counters: Counters,
    pub(super) window: Option<Window>,
    pub(super) warnings: Vec<String>,
    /// State of the schema when the figures were queried.
    pub(super) schema_state: SchemaState,
    /// Stopwatch since the query, and the duration of the query.
    pub(super) fetched: Option<(Stopwatch, Duration)>,
}

/// Problems in BACKUP_DIR, as file names.
#[derive(Debug, Clone, Default)]
pub(super) struct BackupDirFindings {
    /// Backups that do not match their metadata.
    pub(super) broken: Vec<String>,
    /// Metadata whose backup file is missing.
    pub(super) orphaned: Vec<String>,
    /// Backups whose time is in the future.
    pub(super) in_future: Vec<String>,
    /// Message about a recorded backup that is missing.
    pub(super) lost: Option<String>,
    /// Permission bits of the directory, if other users can write to it.
    pub(super) open_to_others: Option<u32>,
}

/// A backup that was recorded as written to BACKUP_DIR.
#[derive(Debug, Clone)]
pub(super) struct RecordedBackup {
    /// Number of such recorded backups.
    pub(super) recorded: u64,
    /// File name of the backup.
    pub(super) name: String,
    /// Host that made the backup, and the directory on it. `None` in older records.
    pub(super) host: Option<String>,
    pub(super) directory: Option<String>,
}

/// A sequence whose value is below the ids of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SequenceBehind {
    pub(super) table: String,
    pub(super) greatest_id: String,
    /// SQL statement that corrects the sequence.
    pub(super) correction: String,
    /// True if inserts fail, as they do on PostgreSQL.
    pub(super) fails: bool,
}

/// Scope of one extended query.
pub(super) struct ExtendedScope<'a> {
    /// State of the schema, which decides how much can be queried.
    pub(super) schema_state: SchemaState,
    /// Clock of the database.
    pub(super) database_time: Option<DateTime<Utc>>,
    /// Figures of the previous query.
    pub(super) before: Option<&'a ExtendedFigures>,
    /// True if SQLite checks its file.
    pub(super) quick_check: QuickCheck,
}

/// State of the schema, which decides how much can be queried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SchemaState {
    /// The database does not answer.
    #[default]
    Unreachable,
    /// The database answers, but its schema is not the one of this program.
    Other,
    /// The schema is the one of this program.
    Current,
}

/// Choice to run SQLite's check of its file, which reads the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuickCheck {
    /// Skip the check of the file.
    No,
    /// Run the check of the file.
    Yes,
}

/// Warning about a figure that only the detailed report reads.
pub(super) fn not_fetched(figure: &str) -> String {
    format!("{figure}: only the detailed report reads it, and none was made within the last minutes")
}

impl ExtendedFigures {
    /// Returns true if the figures need not be queried again yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.fetched.is_some_and(|(since, took)| since.elapsed() < (took * FRESH_MULTIPLE).max(SHORTEST))
    }

    /// Queries all figures, for at most ten seconds.
    pub(super) async fn fetch(
        settings: &HealthSettings,
        connection: &mut ReportConnection,
        scope: ExtendedScope<'_>,
    ) -> Self {
        let watch = Stopwatch::start();
        let mut extended = Self::default();
        if let Some(before) = scope.before {
            extended.counters = before.counters.clone();
            extended.window = before.window;
        }
        if scope.schema_state == SchemaState::Unreachable {
            extended.warnings.push("every figure of the detailed report: the database gave no answer".to_owned());
        } else {
            extended = extended.fetch_from_database(settings, connection, &scope).await;
        }
        extended.schema_state = scope.schema_state;
        backup_dir::read(settings, &mut extended, scope.before.map(|before| &before.scan_in_progress)).await;
        extended.fetched = Some((Stopwatch::start(), watch.elapsed()));
        extended
    }

    async fn fetch_from_database(
        self,
        settings: &HealthSettings,
        connection: &mut ReportConnection,
        scope: &ExtendedScope<'_>,
    ) -> Self {
        let patience = if scope.quick_check == QuickCheck::Yes { Duration::MAX } else { DEADLINE };
        let look = ExtendedQuery { settings, scope, counters: &self.counters, window: self.window };
        let error = match tokio::time::timeout(patience, connection.run(&settings.url, &look)).await {
            Ok(Ok(extended)) => return extended,
            Ok(Err(error)) => error,
            Err(_) => Error::timed_out(patience),
        };
        let mut extended = self;
        extended.warnings.push(format!("every figure of the detailed report: {error}"));
        extended
    }

    /// Records why a figure is missing. A transient error is returned and ends the whole query. Damage is a finding in
    /// any case.
    fn record_failure(&mut self, figure: &str, error: Error) -> Result<(), Error> {
        if error.is_transient() && error.kind() != DbErrorKind::Locked {
            return Err(error);
        }
        if error.is_damage() {
            self.damage.push(error.to_string());
        }
        self.warnings.push(format!("{figure}: {error}"));
        Ok(())
    }
}

/// Query of the database part.
struct ExtendedQuery<'a> {
    settings: &'a HealthSettings,
    scope: &'a ExtendedScope<'a>,
    counters: &'a Counters,
    window: Option<Window>,
}

impl ReportQuery for ExtendedQuery<'_> {
    type Output = ExtendedFigures;

    async fn run(&self, connection: &mut Connection) -> Result<ExtendedFigures, Error> {
        let backend = connection.backend();
        let mut extended =
            ExtendedFigures { counters: self.counters.clone(), window: self.window, ..ExtendedFigures::default() };
        match migrate::drift(connection).await {
            Ok(drift) => extended.drift = Some(drift),
            Err(error) => extended.record_failure("drift", error)?,
        }
        let rows = query_batch(connection, backend.read_maintenance().to_owned(), &mut extended).await?;
        maintenance::read(&rows, backend, &mut extended);
        statements::read(connection, &rows, &self.settings.thresholds, &mut extended).await?;
        if self.scope.quick_check == QuickCheck::Yes
            && let Some(sql) = backend.quick_check()
        {
            let found = crate::db::first_column(connection.query(sql).await?);
            extended.quick_check = Some(found.into_iter().filter(|line| line != "ok").collect());
        }
        if self.scope.schema_state == SchemaState::Other {
            extended.warnings.push(
                "every figure of accounts, tokens and events: the schema is not the one of this program".to_owned(),
            );
        } else {
            self.count(connection, &mut extended).await?;
        }
        Ok(extended)
    }
}

impl ExtendedQuery<'_> {
    /// Queries the figures that need the schema of this program.
    async fn count(&self, connection: &mut Connection, extended: &mut ExtendedFigures) -> Result<(), Error> {
        let backend = connection.backend();
        let sql = [&backend.read_accounts(), "\n", &backend.read_seed_accounts(&crate::seed::addresses())].concat();
        let rows = query_batch(connection, sql, extended).await?;
        accounts::read(&rows, extended);
        let of_one_table = [DbErrorKind::PermissionDenied, DbErrorKind::Locked, DbErrorKind::UndefinedTable];
        let BatchRows { rows, failures } =
            super::query_batch::query_batch(connection, backend.read_sequences_behind().to_owned(), &of_one_table)
                .await;
        extended.sequences_behind = maintenance::sequences_behind(&rows);
        for error in failures {
            extended.record_failure("sequences that are behind", error)?;
        }
        let Some(now) = self.scope.database_time else { return Ok(()) };
        let window = extended.window.unwrap_or(Window::from(now));
        let rows = query_batch(connection, window.query(backend, now), extended).await?;
        extended.window = Some(window.advance(now, &rows, &mut extended.counters));
        Ok(())
    }
}

/// Runs a batch and returns its rows. Failures become warnings.
async fn query_batch(
    connection: &mut Connection,
    sql: String,
    extended: &mut ExtendedFigures,
) -> Result<TaggedRows, Error> {
    let BatchRows { rows, failures } =
        super::query_batch::query_batch(connection, sql, &[DbErrorKind::PermissionDenied, DbErrorKind::Locked]).await;
    for error in failures {
        extended.record_failure("every figure that is missing", error)?;
    }
    extended.warnings.dedup();
    Ok(rows)
}
