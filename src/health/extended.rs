//! Extended figures of the detailed report: counts that scan tables, the catalogue, statement statistics, drift, and
//! backup files. They cost more than the basic report and are therefore queried less often, see
//! [`ExtendedFigures::is_fresh`].

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::accounts::{self, AccountFigures};
use super::backup_dir::{self, BackupDirFigures};
use super::counters::Counters;
use super::maintenance::{self, CatalogueFigures, SequenceBehind};
use super::query_batch::{BatchRows, query_batch};
use super::report_connection::{ReportConnection, ReportQuery};
use super::section::Section;
use super::settings::HealthSettings;
use super::statements::{self, StatementFigures};
use super::tagged_rows::TaggedRows;
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
    pub(super) drift: Option<Vec<Difference>>,
    pub(super) catalogue: CatalogueFigures,
    pub(super) statements: StatementFigures,
    /// Findings of SQLite's check of its file. `None` if it was not requested.
    pub(super) quick_check: Option<Vec<String>>,
    pub(super) accounts: AccountFigures,
    /// Sequences whose value is below the ids of their tables.
    pub(super) sequences_behind: Vec<SequenceBehind>,
    pub(super) counters: Counters,
    pub(super) backup_dir: BackupDirFigures,
    /// Damage that queries reported.
    pub(super) damage: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// State of the schema when the figures were queried.
    pub(super) schema_state: SchemaState,
    /// Stopwatch since the query, and the duration of the query.
    pub(super) fetched: Option<(Stopwatch, Duration)>,
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
        let found = match scope.schema_state {
            SchemaState::Unreachable => Err("the database gave no answer".to_owned()),
            SchemaState::Other | SchemaState::Current => {
                Self::fetch_from_database(settings, connection, &scope).await.map_err(|error| error.to_string())
            }
        };
        let found = found.unwrap_or_else(|why| Self {
            counters: scope.counters(),
            warnings: vec![format!("every figure of the detailed report: {why}")],
            ..Self::default()
        });
        let scan = scope.before.map(|before| &before.backup_dir.scan_in_progress);
        let Section { figures: backup_dir, warnings } = backup_dir::read(settings, &found.accounts, scan).await;
        Self {
            backup_dir,
            warnings: [found.warnings, warnings].concat(),
            schema_state: scope.schema_state,
            fetched: Some((Stopwatch::start(), watch.elapsed())),
            ..found
        }
    }

    async fn fetch_from_database(
        settings: &HealthSettings,
        connection: &mut ReportConnection,
        scope: &ExtendedScope<'_>,
    ) -> Result<Self, Error> {
        let patience = if scope.quick_check == QuickCheck::Yes { Duration::MAX } else { DEADLINE };
        let query = ExtendedQuery { settings, scope };
        tokio::time::timeout(patience, connection.run(&settings.url, &query))
            .await
            .unwrap_or_else(|_| Err(Error::timed_out(patience)))
    }
}

impl ExtendedScope<'_> {
    /// Counters of the previous query.
    fn counters(&self) -> Counters {
        self.before.map(|before| before.counters.clone()).unwrap_or_default()
    }
}

/// Query of the database part.
struct ExtendedQuery<'a> {
    settings: &'a HealthSettings,
    scope: &'a ExtendedScope<'a>,
}

impl ReportQuery for ExtendedQuery<'_> {
    type Output = ExtendedFigures;

    async fn run(&self, connection: &mut Connection) -> Result<ExtendedFigures, Error> {
        let mut findings = Findings::default();
        let figures = self.of_any_schema(connection, &mut findings).await?;
        let figures = if self.scope.schema_state == SchemaState::Other {
            findings.warnings.push(OTHER_SCHEMA.to_owned());
            figures
        } else {
            self.of_own_schema(connection, &mut findings, figures).await?
        };
        Ok(ExtendedFigures { damage: findings.damage, warnings: findings.warnings, ..figures })
    }
}

const OTHER_SCHEMA: &str = "every figure of accounts, tokens and events: the schema is not the one of this program";

impl ExtendedQuery<'_> {
    async fn of_any_schema(
        &self,
        connection: &mut Connection,
        findings: &mut Findings,
    ) -> Result<ExtendedFigures, Error> {
        let backend = connection.backend();
        let drift = match migrate::drift(connection).await {
            Ok(drift) => Some(drift),
            Err(error) => {
                findings.record_failure("drift", error)?;
                None
            }
        };
        let rows = findings.query(connection, backend.read_maintenance().to_owned()).await?;
        let catalogue = findings.add(maintenance::read(&rows, backend));
        let statements = findings.add(statements::read(connection, &rows, &self.settings.thresholds).await?);
        let mut quick_check = None;
        if self.scope.quick_check == QuickCheck::Yes
            && let Some(sql) = backend.quick_check()
        {
            let found = crate::db::first_column(connection.query(sql).await?);
            quick_check = Some(found.into_iter().filter(|line| line != "ok").collect());
        }
        let counters = self.scope.counters();
        Ok(ExtendedFigures { drift, catalogue, statements, quick_check, counters, ..ExtendedFigures::default() })
    }

    /// Adds the figures that need the schema of this program.
    async fn of_own_schema(
        &self,
        connection: &mut Connection,
        findings: &mut Findings,
        figures: ExtendedFigures,
    ) -> Result<ExtendedFigures, Error> {
        let backend = connection.backend();
        let sql = [&backend.read_accounts(), "\n", &backend.read_seed_accounts(&crate::seed::addresses())].concat();
        let rows = findings.query(connection, sql).await?;
        let accounts = findings.add(accounts::read(&rows));
        let of_one_table = [DbErrorKind::PermissionDenied, DbErrorKind::Locked, DbErrorKind::UndefinedTable];
        let BatchRows { rows, failures } =
            query_batch(connection, backend.read_sequences_behind().to_owned(), &of_one_table).await;
        let sequences_behind = maintenance::sequences_behind(&rows);
        for error in failures {
            findings.record_failure("sequences that are behind", error)?;
        }
        let mut counters = figures.counters;
        if let Some(now) = self.scope.database_time {
            let rows = findings.query(connection, counters.query(backend, now)).await?;
            counters = counters.advance(&rows, now);
        }
        Ok(ExtendedFigures { accounts, sequences_behind, counters, ..figures })
    }
}

/// Warnings about missing figures, and damage that queries reported.
#[derive(Default)]
struct Findings {
    warnings: Vec<String>,
    damage: Vec<String>,
}

impl Findings {
    /// Adds the warnings of a section and returns its figures.
    fn add<T>(&mut self, section: Section<T>) -> T {
        self.warnings.extend(section.warnings);
        section.figures
    }

    /// Runs a batch and returns its rows. Failures become warnings.
    async fn query(&mut self, connection: &mut Connection, sql: String) -> Result<TaggedRows, Error> {
        let BatchRows { rows, failures } =
            query_batch(connection, sql, &[DbErrorKind::PermissionDenied, DbErrorKind::Locked]).await;
        for error in failures {
            self.record_failure("every figure that is missing", error)?;
        }
        self.warnings.dedup();
        Ok(rows)
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
