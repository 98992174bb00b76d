//! One migration run: read, plan, lock, read and plan again, execute, report.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};

use super::adopt;
use super::catalogue::{self, Catalogue};
use super::drift_check;
use super::embedded::Migration;
use super::error::Error;
use super::ledger::{self, AppliedMigration, LedgerState};
use super::lock;
use super::one_migration::{self, Direction, Step};
use super::plan::{self, Adoption, MigrationPlan, MigrationTarget};
use super::progress::{MigrationEvent, MigrationProgress};
use super::report::{MigrationEntry, MigrationOutcome, MigrationReport};
use super::settings::MigrationSettings;
use crate::db::{Backend, Connection, DatabaseUrl, DbErrorKind, PartialRows, Pool, PoolUse, first_column};

/// Options of a migration upwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrateAction {
    /// Target of the migration.
    pub target: MigrationTarget,
    /// True if a database of the legacy manager is adopted.
    pub adopt: bool,
    /// Record every migration up to this number as applied.
    pub baseline: Option<u32>,
    /// True if the plan is only reported.
    pub dry_run: bool,
}

impl MigrateAction {
    /// Applies all pending migrations.
    pub fn latest() -> Self {
        Self { target: MigrationTarget::Default, adopt: false, baseline: None, dry_run: false }
    }

    fn adoption(self) -> Adoption {
        match self.baseline {
            Some(number) => Adoption::Baseline(number),
            None if self.adopt => Adoption::Adopt,
            None => Adoption::No,
        }
    }
}

/// Applies pending migrations. If none is pending, it makes one round trip that only reads.
///
/// # Errors
/// Returns an error if the migration is refused or fails. Migrations committed before the failure stay applied.
pub async fn migrate(
    url: &DatabaseUrl,
    action: MigrateAction,
    settings: &MigrationSettings,
    progress: &dyn MigrationProgress,
) -> Result<MigrationReport, Error> {
    let HistoryReading { state, live, mut reader } = read_state_and_schema(url).await?;
    let plan = plan::up(&state, action.target, action.adoption(), url.backend())?;
    if plan.is_empty() || action.dry_run {
        preflight(reader.as_mut(), live, &plan, &state).await?;
        hang_up(reader).await;
        return Ok(MigrationReport::planned(url, &plan));
    }
    let pool = Pool::open(url, PoolUse::Migrate).await?;
    let run = MigrationRun { url, pool: &pool, settings, progress };
    let done = run.up(action, reader).await;
    end(pool, done).await
}

/// Undoes applied migrations, newest first.
///
/// # Errors
/// Returns an error if the rollback is refused or fails. Migrations undone before the failure stay undone.
pub async fn rollback(
    url: &DatabaseUrl,
    target: MigrationTarget,
    dry_run: bool,
    settings: &MigrationSettings,
    progress: &dyn MigrationProgress,
) -> Result<MigrationReport, Error> {
    let HistoryReading { state, reader, .. } = read_state(url, None).await?;
    let steps = plan::down(&state, target, url.backend())?;
    if steps.is_empty() || dry_run {
        hang_up(reader).await;
        let outcome = if steps.is_empty() { MigrationOutcome::Current } else { MigrationOutcome::Planned };
        let mut report = MigrationReport::new(url, outcome, state.newest().map(str::to_owned));
        report.migrations = steps.iter().map(|migration| MigrationEntry::planned(migration.name)).collect();
        return Ok(report);
    }
    let pool = Pool::open(url, PoolUse::Migrate).await?;
    let run = MigrationRun { url, pool: &pool, settings, progress };
    let done = run.down(target, reader).await;
    end(pool, done).await
}

/// Closes the pool. After a failure, the open transaction is rolled back before this returns.
async fn end(pool: Pool, done: Result<MigrationReport, Error>) -> Result<MigrationReport, Error> {
    match done {
        Ok(_) => pool.hang_up().await,
        Err(_) => pool.close().await,
    }
    done
}

async fn hang_up(reader: Option<Connection>) {
    if let Some(reader) = reader {
        reader.hang_up().await;
    }
}

/// History of a database, and the connection that read it.
struct HistoryReading {
    state: LedgerState,
    /// The live schema. `None` if it was not read.
    live: Option<Catalogue>,
    /// Connection that read the history. `None` if no database exists yet.
    reader: Option<Connection>,
}

impl HistoryReading {
    /// Reading of a SQLite file that does not exist yet.
    fn of_no_file() -> Self {
        Self { state: LedgerState::Empty, live: None, reader: None }
    }
}

/// Reads the history on a given or a new connection. A missing SQLite file that may be created counts as an empty
/// database.
async fn read_state(url: &DatabaseUrl, reader: Option<Connection>) -> Result<HistoryReading, Error> {
    let mut reader = match reader {
        Some(reader) => reader,
        None => match Connection::open(url).await {
            Ok(reader) => reader,
            Err(error) if error.kind() == DbErrorKind::NoSuchFile && url.may_be_created() => {
                return Ok(HistoryReading::of_no_file());
            }
            Err(error) => return Err(error.into()),
        },
    };
    Ok(HistoryReading { state: ledger::read(&mut reader).await?, live: None, reader: Some(reader) })
}

/// Reads the history and the live schema, in one round trip if a ledger exists. The schema is `None` if another replica
/// is changing it and it cannot be read.
async fn read_state_and_schema(url: &DatabaseUrl) -> Result<HistoryReading, Error> {
    let mut reader = match Connection::open(url).await {
        Ok(reader) => reader,
        Err(error) if error.kind() == DbErrorKind::NoSuchFile && url.may_be_created() => {
            return Ok(HistoryReading::of_no_file());
        }
        Err(error) => return Err(error.into()),
    };
    let PartialRows { rows, failure } = reader.query_partial(reader.backend().read_ledger_and_catalogue()).await;
    match failure {
        None => Ok(HistoryReading {
            state: LedgerState::from_rows(&rows),
            live: Some(Catalogue::from_rows(&rows)),
            reader: Some(reader),
        }),
        Some(error) if error.kind() == DbErrorKind::Locked => {
            tracing::warn!("drift was not checked: {error}");
            read_state(url, Some(reader)).await
        }
        Some(error) if ledger::is_missing_table(&error, reader.backend()) => {
            let state = ledger::without_ledger(&mut reader).await?;
            Ok(HistoryReading { state, live: None, reader: Some(reader) })
        }
        Some(error) => Err(error.into()),
    }
}

/// Checks that the live schema is the one that the plan starts from. That is the result of the applied migrations or,
/// for an adoption, of the migrations to record. `live` is the schema, if it was already read.
async fn preflight(
    reader: Option<&mut Connection>,
    live: Option<Catalogue>,
    plan: &MigrationPlan,
    state: &LedgerState,
) -> Result<(), Error> {
    let Some(reader) = reader else { return Ok(()) };
    match (plan.record, state) {
        (Some(recorded), _) => {
            adopt::compare(reader, recorded).await?;
            adopt::check_owners(reader, recorded.up_to).await
        }
        (None, LedgerState::Empty) => check_encoding(reader).await,
        (None, LedgerState::Ledger(applied)) => check_drift(reader, live, plan, applied).await,
        (None, _) => Ok(()),
    }
}

/// Refuses a new database whose encoding cannot hold every name, before any table is created.
async fn check_encoding(reader: &mut Connection) -> Result<(), Error> {
    let sql = reader.backend().read_encoding();
    let encoding = first_column(reader.query(sql).await?).pop().unwrap_or_default();
    if matches!(encoding.as_str(), "" | "UTF8") { Ok(()) } else { Err(Error::Encoding { encoding }) }
}

/// Refuses a difference that can make the program or the pending SQL fail. Every other difference is logged as a
/// warning.
async fn check_drift(
    reader: &mut Connection,
    live: Option<Catalogue>,
    plan: &MigrationPlan,
    applied: &[AppliedMigration],
) -> Result<(), Error> {
    let Some(newest) = applied.last() else { return Ok(()) };
    let live = match live {
        Some(live) => live,
        None if plan.is_empty() => return Ok(()),
        None => catalogue::read(reader).await?,
    };
    let backend = reader.backend();
    let pending: String = plan.steps.iter().map(|migration| migration.sql(backend)).collect();
    let mut differences = drift_check::drift(&live, applied, backend);
    for harmless in differences.extract_if(.., |difference| !difference.is_obstacle(&pending)) {
        tracing::warn!("the schema has drifted: {harmless}");
    }
    if differences.is_empty() { Ok(()) } else { Err(Error::Drift { name: newest.version.clone(), differences }) }
}

/// One migration run on one database.
#[derive(Clone, Copy)]
struct MigrationRun<'a> {
    url: &'a DatabaseUrl,
    pool: &'a Pool,
    settings: &'a MigrationSettings,
    progress: &'a dyn MigrationProgress,
}

impl MigrationRun<'_> {
    /// Locks, reads and plans again, because another migrator may have finished meanwhile, and runs the plan.
    async fn up(self, action: MigrateAction, reader: Option<Connection>) -> Result<MigrationReport, Error> {
        let lock = lock::acquire(self.pool, self.settings.patience, self.progress).await?;
        let HistoryReading { state, mut reader, .. } = read_state(self.url, reader).await?;
        let plan = plan::up(&state, action.target, action.adoption(), self.pool.backend())?;
        let mut report = MigrationReport::planned(self.url, &plan);
        if plan.is_empty() {
            hang_up(reader).await;
            return Ok(report);
        }
        preflight(reader.as_mut(), None, &plan, &state).await?;
        report.outcome = MigrationOutcome::Applied;
        let steps = steps(&plan.steps, Direction::Up);
        if plan.fresh || self.pool.backend() == Backend::Sqlite {
            self.prepare(&lock, &plan).await?;
            report.migrations = self.all_in(&lock, &steps).await?;
        } else {
            if plan.record.is_some() {
                let transaction = one_migration::begin(self.pool).await?;
                self.prepare(&transaction, &plan).await?;
                transaction.commit().await?;
            }
            report.migrations = self.one_by_one(&steps).await?;
        }
        lock.commit().await?;
        if let (Some(_), Some(reader)) = (plan.record, reader.as_mut()) {
            report.seed_accounts = adopt::seed_accounts(reader).await?;
            report.odd_addresses = adopt::odd_addresses(reader).await?;
            report.shared_names = adopt::shared_names(reader).await?;
            report.costly_hashes = adopt::costly_hashes(reader).await?;
        }
        hang_up(reader).await;
        report.to = report.migrations.last().map(|entry| entry.name.clone()).or(report.recorded.last().cloned());
        Ok(report)
    }

    /// Locks, reads and plans again, and undoes the planned migrations.
    async fn down(self, target: MigrationTarget, reader: Option<Connection>) -> Result<MigrationReport, Error> {
        let lock = lock::acquire(self.pool, self.settings.patience, self.progress).await?;
        let HistoryReading { state, reader, .. } = read_state(self.url, reader).await?;
        let steps = steps(&plan::down(&state, target, self.pool.backend())?, Direction::Down);
        let mut report =
            MigrationReport::new(self.url, MigrationOutcome::RolledBack, state.newest().map(str::to_owned));
        report.migrations = match self.pool.backend() {
            Backend::Sqlite => self.all_in(&lock, &steps).await?,
            Backend::Postgres => self.one_by_one(&steps).await?,
        };
        lock.commit().await?;
        hang_up(reader).await;
        let undone = |applied: &&AppliedMigration| report.migrations.iter().any(|entry| entry.name == applied.version);
        report.to = state.applied().iter().rfind(|applied| !undone(applied)).map(|applied| applied.version.clone());
        Ok(report)
    }

    /// Creates the ledger, and records the migrations that are not run.
    async fn prepare(self, transaction: &DatabaseTransaction, plan: &MigrationPlan) -> Result<(), Error> {
        let backend = self.pool.backend();
        transaction.execute_unprepared(backend.create_ledger()).await?;
        if let Some(recorded) = plan.record {
            adopt::record(transaction, recorded, backend, self.settings).await?;
        }
        Ok(())
    }

    /// Runs all steps in one transaction.
    async fn all_in(self, transaction: &DatabaseTransaction, steps: &[Step]) -> Result<Vec<MigrationEntry>, Error> {
        let backend = self.pool.backend();
        let mut entries = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            self.started(*step, index, steps.len());
            entries.push(
                self.finished(*step, one_migration::in_transaction(*step, transaction, backend, self.settings).await?),
            );
        }
        if let (Backend::Sqlite, Some(last)) = (backend, steps.last()) {
            check_foreign_keys(transaction, last.script(backend)?.file).await?;
        }
        Ok(entries)
    }

    /// Runs each step in its own transaction, or without one if the step is marked so.
    async fn one_by_one(self, steps: &[Step]) -> Result<Vec<MigrationEntry>, Error> {
        let mut entries = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            self.started(*step, index, steps.len());
            let duration = if step.script(self.pool.backend())?.transactional {
                one_migration::with_retry(*step, self.pool, self.settings, self.progress).await?
            } else {
                one_migration::without_transaction(*step, self.pool, self.settings).await?
            };
            entries.push(self.finished(*step, duration));
        }
        Ok(entries)
    }

    fn started(self, step: Step, index: usize, total: usize) {
        self.progress.event(MigrationEvent::Started { name: step.migration.name, position: index + 1, total });
    }

    fn finished(self, step: Step, duration: Duration) -> MigrationEntry {
        self.progress.event(MigrationEvent::Finished { name: step.migration.name, duration });
        MigrationEntry::done(step.migration.name, duration)
    }
}

fn steps(migrations: &[&'static Migration], direction: Direction) -> Vec<Step> {
    migrations.iter().map(|migration| Step { migration, direction }).collect()
}

/// Checks all foreign keys, because they were off while SQLite's tables were rebuilt.
async fn check_foreign_keys(transaction: &DatabaseTransaction, file: &'static str) -> Result<(), Error> {
    let check = Statement::from_string(sea_orm::DbBackend::Sqlite, "PRAGMA foreign_key_check");
    let violations = transaction.query_all_raw(check).await?;
    let Some(first) = violations.first() else { return Ok(()) };
    Err(Error::ForeignKeys { file, table: first.try_get_by_index(0)?, count: violations.len() })
}
