//! What the detailed report adds: counts that scan tables, the catalogue, statement statistics, drift, and the files of backups.
//! It costs more than the basic report, so it is made less often: [`ExtendedFigures::is_fresh`].

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

/// For all of it.
const DEADLINE: Duration = Duration::from_secs(10);
/// Fresh for so many times what it took: it costs the database a twentieth of one core at most.
const FRESH_MULTIPLE: u32 = 20;
/// Fresh for so long at least.
const SHORTEST: Duration = Duration::from_secs(1);

/// What the detailed report adds.
#[derive(Default)]
pub(super) struct ExtendedFigures {
    pub(super) authentication: AuthenticationHealth,
    pub(super) security: SecurityHealth,
    pub(super) backups: BackupHealth,
    /// Random id of the database, by which its backups are told from others.
    pub(super) database_id: Option<String>,
    /// What is wrong in BACKUP_DIR.
    pub(super) backup_dir: BackupDirFindings,
    /// The newest backup that was recorded as one of BACKUP_DIR.
    pub(super) recorded_backup: Option<RecordedBackup>,
    pub(super) backup_free_bytes: Option<u64>,
    /// There while a thread looks at the directory of backups.
    pub(super) scan_in_progress: Weak<()>,
    /// PostgreSQL: size of the database. It asks the file system about every file of it.
    pub(super) database_bytes: Option<u64>,
    pub(super) indexes: IndexHealth,
    pub(super) queries: QueryHealth,
    pub(super) slow_queries: Option<u64>,
    pub(super) mean_query_ms: Option<f64>,
    /// Why there are no statement statistics.
    pub(super) no_statements: Option<String>,
    pub(super) drift: Option<Vec<Difference>>,
    /// The newest run of each kind and outcome, newest first.
    pub(super) runs: Option<Vec<RecordedRun>>,
    pub(super) sequence_used: Option<f64>,
    /// Sequences below the ids of their tables.
    pub(super) sequences_behind: Vec<SequenceBehind>,
    pub(super) transaction_id_age: Option<u64>,
    /// Tables with more dead rows than live ones, where the server counts them.
    pub(super) dead_rows: Option<Vec<(String, u64)>>,
    pub(super) quick_check: Option<Vec<String>>,
    /// What queries found to be damaged.
    pub(super) damage: Vec<String>,
    pub(super) counters: Counters,
    pub(super) window: Option<Window>,
    pub(super) warnings: Vec<String>,
    /// How far it looked.
    pub(super) schema_state: SchemaState,
    /// When it was made, and how long that took.
    pub(super) fetched: Option<(Stopwatch, Duration)>,
}

/// What is wrong in BACKUP_DIR; names of files.
#[derive(Debug, Clone, Default)]
pub(super) struct BackupDirFindings {
    /// Files that are not as their metadata tells.
    pub(super) broken: Vec<String>,
    /// Metadata whose file is missing.
    pub(super) orphaned: Vec<String>,
    /// Files whose time is in the future.
    pub(super) in_future: Vec<String>,
    /// A backup that was recorded and is not there: why that is known.
    pub(super) lost: Option<String>,
    /// The mode of a directory that other users can write to.
    pub(super) open_to_others: Option<u32>,
}

/// A recorded backup of BACKUP_DIR.
#[derive(Debug, Clone)]
pub(super) struct RecordedBackup {
    /// How many such backups are recorded.
    pub(super) recorded: u64,
    /// Its file.
    pub(super) name: String,
    /// The host that made it, and the directory there; older records have neither.
    pub(super) host: Option<String>,
    pub(super) directory: Option<String>,
}

/// A sequence below the ids of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SequenceBehind {
    pub(super) table: String,
    pub(super) greatest_id: String,
    /// The statement that corrects it.
    pub(super) correction: String,
    /// Whether inserts fail: on PostgreSQL they do.
    pub(super) fails: bool,
}

/// What to look at.
pub(super) struct ExtendedScope<'a> {
    /// Whether the database answers, and its tables are those of this program.
    pub(super) schema_state: SchemaState,
    /// The database's clock.
    pub(super) database_time: Option<DateTime<Utc>>,
    /// What was counted before.
    pub(super) before: Option<&'a ExtendedFigures>,
    /// Whether to have SQLite check its file.
    pub(super) quick_check: QuickCheck,
}

/// How far the database can be looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SchemaState {
    /// It does not answer.
    #[default]
    Unreachable,
    /// It answers, and its schema is another one.
    Other,
    /// Its schema is that of this program.
    Current,
}

/// Whether SQLite is to check its file, which reads all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuickCheck {
    /// No.
    No,
    /// Yes.
    Yes,
}

/// Why a extended figure is not in a basic report.
pub(super) fn not_fetched(figure: &str) -> String {
    format!("{figure}: read by the detailed report only, and none was made within the last minutes")
}

impl ExtendedFigures {
    /// Whether another one need not be made yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.fetched.is_some_and(|(since, took)| since.elapsed() < (took * FRESH_MULTIPLE).max(SHORTEST))
    }

    /// Looks at everything, for ten seconds at most.
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

    /// Notes why a figure is missing. What will pass is an error of the whole; damage is a finding, asked for or not.
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

/// The look at the database.
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
            extended
                .warnings
                .push("every figure of accounts, tokens and events: the schema is not that of this program".to_owned());
        } else {
            self.count(connection, &mut extended).await?;
        }
        Ok(extended)
    }
}

impl ExtendedQuery<'_> {
    /// What needs the tables of this program.
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

/// The rows that came; why the others did not is a warning.
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
