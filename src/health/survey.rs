//! What the detailed report adds: counts that scan tables, the catalogue, statement statistics, drift, and the files of backups.
//! It costs more than the basic report, so it is made less often: [`Survey::is_fresh`].

use std::sync::Weak;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::counters::{Counters, Window};
use super::facts::Facts;
use super::report::{Authentication, Backups, Indexes, Queries, Run, Security};
use super::seat::{Question, Seat};
use super::settings::Settings;
use super::{accounts, archive, statements, upkeep};
use crate::clock::Stopwatch;
use crate::db::{Connection, Error, Kind};
use crate::migrate::{self, Difference};

/// For all of it.
const DEADLINE: Duration = Duration::from_secs(10);
/// Fresh for so many times what it took: it costs the database a twentieth of one core at most.
const COST: u32 = 20;
/// Fresh for so long at least.
const SHORTEST: Duration = Duration::from_secs(1);

/// What the detailed report adds.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) authentication: Authentication,
    pub(super) security: Security,
    pub(super) backups: Backups,
    /// Random id of the database, by which its backups are told from others.
    pub(super) database_id: Option<String>,
    /// What is wrong in BACKUP_DIR.
    pub(super) archive: ArchiveFindings,
    /// The newest backup that was recorded as one of BACKUP_DIR.
    pub(super) placed: Option<PlacedBackup>,
    pub(super) backup_free_bytes: Option<u64>,
    /// There while a thread looks at the directory of backups.
    pub(super) looking: Weak<()>,
    /// PostgreSQL: size of the database. It asks the file system about every file of it.
    pub(super) database_bytes: Option<u64>,
    pub(super) indexes: Indexes,
    pub(super) queries: Queries,
    pub(super) slow_queries: Option<u64>,
    pub(super) mean_query_ms: Option<f64>,
    /// Why there are no statement statistics.
    pub(super) no_statements: Option<String>,
    pub(super) drift: Option<Vec<Difference>>,
    /// The newest run of each kind and outcome, newest first.
    pub(super) runs: Option<Vec<Run>>,
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
    pub(super) reach: Reach,
    /// When it was made, and how long that took.
    pub(super) made: Option<(Stopwatch, Duration)>,
}

/// What is wrong in BACKUP_DIR; names of files.
#[derive(Debug, Clone, Default)]
pub(super) struct ArchiveFindings {
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
pub(super) struct PlacedBackup {
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
pub(super) struct Scope<'a> {
    /// Whether the database answers, and its tables are those of this program.
    pub(super) database: Reach,
    /// The database's clock.
    pub(super) database_time: Option<DateTime<Utc>>,
    /// What was counted before.
    pub(super) before: Option<&'a Survey>,
    /// Whether to have SQLite check its file.
    pub(super) quick_check: QuickCheck,
}

/// How far the database can be looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// It does not answer.
    #[default]
    Gone,
    /// It answers, and its schema is another one.
    Reachable,
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

/// Why a figure of the survey is not in a basic report.
pub(super) fn not_made(figure: &str) -> String {
    format!("{figure}: read by the detailed report only, and none was made within the last minutes")
}

impl Survey {
    /// Whether another one need not be made yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.made.is_some_and(|(since, took)| since.elapsed() < (took * COST).max(SHORTEST))
    }

    /// Looks at everything, for ten seconds at most.
    pub(super) async fn make(settings: &Settings, seat: &mut Seat, scope: Scope<'_>) -> Self {
        let watch = Stopwatch::start();
        let mut survey = Self::default();
        if let Some(before) = scope.before {
            survey.counters = before.counters.clone();
            survey.window = before.window;
        }
        if scope.database == Reach::Gone {
            survey.warnings.push("every figure of the detailed report: the database gave no answer".to_owned());
        } else {
            survey = survey.of_database(settings, seat, &scope).await;
        }
        survey.reach = scope.database;
        archive::read(settings, &mut survey, scope.before.map(|before| &before.looking)).await;
        survey.made = Some((Stopwatch::start(), watch.elapsed()));
        survey
    }

    async fn of_database(self, settings: &Settings, seat: &mut Seat, scope: &Scope<'_>) -> Self {
        let patience = if scope.quick_check == QuickCheck::Yes { Duration::MAX } else { DEADLINE };
        let look = Look { settings, scope, counters: &self.counters, window: self.window };
        let error = match tokio::time::timeout(patience, seat.ask(&settings.url, &look)).await {
            Ok(Ok(survey)) => return survey,
            Ok(Err(error)) => error,
            Err(_) => Error::late(patience),
        };
        let mut survey = self;
        survey.warnings.push(format!("every figure of the detailed report: {error}"));
        survey
    }

    /// Notes why a figure is missing. What will pass is an error of the whole; damage is a finding, asked for or not.
    fn miss(&mut self, figure: &str, error: Error) -> Result<(), Error> {
        if error.is_transient() && error.kind() != Kind::Locked {
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
struct Look<'a> {
    settings: &'a Settings,
    scope: &'a Scope<'a>,
    counters: &'a Counters,
    window: Option<Window>,
}

impl Question for Look<'_> {
    type Answer = Survey;

    async fn ask(&self, connection: &mut Connection) -> Result<Survey, Error> {
        let backend = connection.backend();
        let mut survey = Survey { counters: self.counters.clone(), window: self.window, ..Survey::default() };
        match migrate::drift(connection).await {
            Ok(drift) => survey.drift = Some(drift),
            Err(error) => survey.miss("drift", error)?,
        }
        let facts = gather(connection, backend.read_upkeep().to_owned(), &mut survey).await?;
        upkeep::read(&facts, backend, &mut survey);
        statements::read(connection, &facts, &self.settings.thresholds, &mut survey).await?;
        if self.scope.quick_check == QuickCheck::Yes
            && let Some(sql) = backend.quick_check()
        {
            let found = crate::db::first_column(connection.query(sql).await?);
            survey.quick_check = Some(found.into_iter().filter(|line| line != "ok").collect());
        }
        if self.scope.database == Reach::Reachable {
            survey
                .warnings
                .push("every figure of accounts, tokens and events: the schema is not that of this program".to_owned());
        } else {
            self.count(connection, &mut survey).await?;
        }
        Ok(survey)
    }
}

impl Look<'_> {
    /// What needs the tables of this program.
    async fn count(&self, connection: &mut Connection, survey: &mut Survey) -> Result<(), Error> {
        let backend = connection.backend();
        let sql = [&backend.read_accounts(), "\n", &backend.read_seed_accounts(&crate::seed::addresses())].concat();
        let facts = gather(connection, sql, survey).await?;
        accounts::read(&facts, survey);
        let of_one_table = [Kind::PermissionDenied, Kind::Locked, Kind::UndefinedTable];
        let (facts, failures) =
            super::gather::gather(connection, backend.read_sequences_behind().to_owned(), &of_one_table).await;
        survey.sequences_behind = upkeep::sequences_behind(&facts);
        for error in failures {
            survey.miss("sequences that are behind", error)?;
        }
        let Some(now) = self.scope.database_time else { return Ok(()) };
        let window = survey.window.unwrap_or(Window::from(now));
        let facts = gather(connection, window.query(backend, now), survey).await?;
        survey.window = Some(window.advance(now, &facts, &mut survey.counters));
        Ok(())
    }
}

/// The rows that came; why the others did not is a warning.
async fn gather(connection: &mut Connection, sql: String, survey: &mut Survey) -> Result<Facts, Error> {
    let (facts, failures) = super::gather::gather(connection, sql, &[Kind::PermissionDenied, Kind::Locked]).await;
    for error in failures {
        survey.miss("every figure that is missing", error)?;
    }
    survey.warnings.dedup();
    Ok(facts)
}
