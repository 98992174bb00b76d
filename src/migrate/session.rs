//! A run: read, plan, lock, read again, plan again, do, report.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use serde::Serialize;

use super::adopt;
use super::catalogue;
use super::embedded;
use super::error::Error;
use super::ledger::{self, State};
use super::lock;
use super::plan::{self, Plan, Takeover, Target};
use super::progress::{Event, Progress};
use super::run::{self, Direction, Step};
use super::verify;
use crate::db::{Backend, Connection, DatabaseUrl, Kind, Pool, PoolUse, SqliteMode, Target as Engine};

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long to wait for another migrator, and for locks on tables altogether.
    pub patience: Duration,
    /// How long one statement may wait for a lock on a table, and so how long requests can queue behind it.
    pub lock_timeout: Duration,
    /// Recorded in the ledger.
    pub app_version: String,
}

/// What to do when going up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// How far.
    pub target: Target,
    /// What to do with a database without a ledger.
    pub adopt: bool,
    /// Record everything up to this number as applied.
    pub baseline: Option<u32>,
    /// Only say what would be done.
    pub dry_run: bool,
}

impl Action {
    /// Everything that is pending.
    pub fn latest() -> Self {
        Self { target: Target::Default, adopt: false, baseline: None, dry_run: false }
    }

    fn takeover(self) -> Takeover {
        match self.baseline {
            Some(number) => Takeover::Baseline(number),
            None if self.adopt => Takeover::Adopt,
            None => Takeover::No,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was nothing to do.
    Current,
    /// What was to be done is done.
    Applied,
    /// What would be done is listed; nothing was.
    Planned,
    /// Migrations were undone.
    RolledBack,
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The database, without its password.
    pub database: String,
    /// Which engine.
    pub backend: String,
    /// The newest applied migration before.
    pub from: Option<String>,
    /// The newest applied migration after.
    pub to: Option<String>,
    /// Recorded as applied without running.
    pub recorded: Vec<String>,
    /// Run (or undone, or planned), in order.
    pub migrations: Vec<Entry>,
    /// Newer, compatible migrations that this program does not know.
    pub unknown: Vec<String>,
    /// After an adoption: accounts of the earlier manager's seed data.
    pub seed_accounts: Vec<String>,
}

/// A migration in a [`Report`].
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// `NNN_name`.
    pub name: String,
    /// How long it took; absent in a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

impl Entry {
    fn done(name: &str, duration: Duration) -> Self {
        Self { name: name.to_owned(), duration_ms: Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)) }
    }

    fn planned(name: &str) -> Self {
        Self { name: name.to_owned(), duration_ms: None }
    }
}

impl Report {
    fn new(url: &DatabaseUrl, outcome: Outcome, from: Option<String>) -> Self {
        let backend = match url.target() {
            Engine::Postgres(_) => Backend::Postgres,
            Engine::Sqlite(_) => Backend::Sqlite,
        };
        Self {
            outcome,
            database: url.to_string(),
            backend: backend.to_string(),
            to: from.clone(),
            from,
            recorded: Vec::new(),
            migrations: Vec::new(),
            unknown: Vec::new(),
            seed_accounts: Vec::new(),
        }
    }
}

/// Applies what is pending. With nothing pending it is one round trip that only reads.
///
/// # Errors
/// Every refusal and failure of [`Error`]; what was committed before a failure stays.
pub async fn migrate(
    url: &DatabaseUrl,
    action: Action,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Report, Error> {
    let (state, reader) = read_state(url).await?;
    let backend = backend_of(url);
    let plan = plan::up(&state, action.target, action.takeover(), backend)?;
    if plan.is_empty() || action.dry_run {
        if let (Some(mut reader), Some(recorded)) = (reader, plan.record) {
            adopt::compare(&mut reader, recorded).await?;
        }
        return Ok(planned(url, &plan));
    }
    if let Some(reader) = reader {
        reader.close().await;
    }
    let pool = Pool::open(url, PoolUse::Migrate).await?;
    let done = up(url, &pool, action, settings, progress).await;
    pool.close().await;
    done
}

/// Undoes applied migrations, newest first.
///
/// # Errors
/// Every refusal and failure of [`Error`]; what was undone before a failure stays undone.
pub async fn rollback(
    url: &DatabaseUrl,
    target: Target,
    dry_run: bool,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Report, Error> {
    let (state, _) = read_state(url).await?;
    let steps = plan::down(&state, target, backend_of(url))?;
    if steps.is_empty() || dry_run {
        let outcome = if steps.is_empty() { Outcome::Current } else { Outcome::Planned };
        let mut report = Report::new(url, outcome, newest(&state));
        report.migrations = steps.iter().map(|migration| Entry::planned(migration.name)).collect();
        return Ok(report);
    }
    let pool = Pool::open(url, PoolUse::Migrate).await?;
    let done = down(url, &pool, target, settings, progress).await;
    pool.close().await;
    done
}

/// Reads the state. A SQLite file that may be created and is not there yet is an empty database.
pub(crate) async fn read_state(url: &DatabaseUrl) -> Result<(State, Option<Connection>), Error> {
    match Connection::open(url).await {
        Ok(mut reader) => Ok((ledger::read(&mut reader).await?, Some(reader))),
        Err(error) if error.kind() == Kind::NoSuchFile && may_be_created(url) => Ok((State::Empty, None)),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn may_be_created(url: &DatabaseUrl) -> bool {
    matches!(url.target(), Engine::Sqlite(target) if target.mode == SqliteMode::Create)
}

pub(crate) fn backend_of(url: &DatabaseUrl) -> Backend {
    match url.target() {
        Engine::Postgres(_) => Backend::Postgres,
        Engine::Sqlite(_) => Backend::Sqlite,
    }
}

fn newest(state: &State) -> Option<String> {
    match state {
        State::Ledger(applied) => applied.last().map(|applied| applied.version.clone()),
        _ => None,
    }
}

fn planned(url: &DatabaseUrl, plan: &Plan) -> Report {
    let outcome = if plan.is_empty() { Outcome::Current } else { Outcome::Planned };
    let mut report = Report::new(url, outcome, plan.from.clone());
    report.unknown.clone_from(&plan.unknown);
    report.migrations = plan.steps.iter().map(|migration| Entry::planned(migration.name)).collect();
    if let Some(recorded) = plan.record {
        let known = embedded::migrations().iter().filter(|migration| migration.number <= recorded.up_to.number);
        report.recorded = known.map(|migration| migration.name.to_owned()).collect();
    }
    report
}

/// Locks, reads and plans again (another migrator may have been here), and does it.
async fn up(
    url: &DatabaseUrl,
    pool: &Pool,
    action: Action,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Report, Error> {
    let backend = pool.backend();
    let lock = lock::acquire(pool, settings.patience, progress).await?;
    let (state, reader) = read_state(url).await?;
    let plan = plan::up(&state, action.target, action.takeover(), backend)?;
    let mut report = planned(url, &plan);
    let (Some(mut reader), false) = (reader, plan.is_empty()) else { return Ok(report) };
    match plan.record {
        Some(recorded) => adopt::compare(&mut reader, recorded).await?,
        None => refuse_drift(&mut reader, &state).await?,
    }
    report.outcome = Outcome::Applied;
    let steps: Vec<Step> = plan.steps.iter().map(|migration| Step { migration, direction: Direction::Up }).collect();
    if plan.fresh || backend == Backend::Sqlite {
        prepare(&lock, &plan, backend, settings).await?;
        report.migrations = all_in(&lock, &steps, backend, settings, progress).await?;
        lock.commit().await?;
    } else {
        if plan.record.is_some() {
            let transaction = sea_orm::TransactionTrait::begin(pool.orm()).await?;
            prepare(&transaction, &plan, backend, settings).await?;
            transaction.commit().await?;
        }
        report.migrations = one_by_one(pool, &steps, settings, progress).await?;
        lock.commit().await?;
    }
    if plan.record.is_some() {
        report.seed_accounts = adopt::seed_accounts(&mut reader).await?;
    }
    reader.close().await;
    report.to = report.migrations.last().map(|entry| entry.name.clone()).or(report.recorded.last().cloned());
    Ok(report)
}

async fn down(
    url: &DatabaseUrl,
    pool: &Pool,
    target: Target,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Report, Error> {
    let backend = pool.backend();
    let lock = lock::acquire(pool, settings.patience, progress).await?;
    let (state, _) = read_state(url).await?;
    let migrations = plan::down(&state, target, backend)?;
    let steps: Vec<Step> = migrations.iter().map(|migration| Step { migration, direction: Direction::Down }).collect();
    let mut report = Report::new(url, Outcome::RolledBack, newest(&state));
    report.migrations = if backend == Backend::Sqlite {
        all_in(&lock, &steps, backend, settings, progress).await?
    } else {
        one_by_one(pool, &steps, settings, progress).await?
    };
    lock.commit().await?;
    let undone = |version: &str| report.migrations.iter().any(|entry| entry.name == version);
    report.to = match &state {
        State::Ledger(applied) => {
            applied.iter().rev().map(|applied| applied.version.clone()).find(|version| !undone(version))
        }
        _ => None,
    };
    Ok(report)
}

/// A migration assumes the schema that its predecessors made.
async fn refuse_drift(reader: &mut Connection, state: &State) -> Result<(), Error> {
    let State::Ledger(applied) = state else { return Ok(()) };
    let mut differences = verify::drift(&catalogue::read(reader).await?, applied, reader.backend());
    for extra in differences.extract_if(.., |difference| !difference.is_obstacle()) {
        tracing::warn!(%extra, "the schema has an object that no migration made");
    }
    match newest(state) {
        Some(name) if !differences.is_empty() => Err(Error::Drift { name, differences }),
        _ => Ok(()),
    }
}

/// Makes the ledger and what is to be recorded in it.
async fn prepare(
    transaction: &DatabaseTransaction,
    plan: &Plan,
    backend: Backend,
    settings: &Settings,
) -> Result<(), Error> {
    transaction.execute_unprepared(backend.create_ledger()).await?;
    if let Some(recorded) = plan.record {
        adopt::record(transaction, recorded, backend, settings).await?;
    }
    Ok(())
}

/// All steps in one transaction.
async fn all_in(
    transaction: &DatabaseTransaction,
    steps: &[Step],
    backend: Backend,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let name = step.migration.name;
        progress.event(Event::Started { name, position: index + 1, total: steps.len() });
        let duration = run::in_transaction(*step, transaction, backend, settings).await?;
        progress.event(Event::Finished { name, duration });
        entries.push(Entry::done(name, duration));
    }
    if let (Backend::Sqlite, Some(last)) = (backend, steps.last()) {
        check_foreign_keys(transaction, last.script(backend)?.file).await?;
    }
    Ok(entries)
}

/// Each step in a transaction of its own, or, where it says so, in none.
async fn one_by_one(
    pool: &Pool,
    steps: &[Step],
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let name = step.migration.name;
        progress.event(Event::Started { name, position: index + 1, total: steps.len() });
        let duration = if step.script(pool.backend())?.transactional {
            run::with_retry(*step, pool, settings, progress).await?
        } else {
            run::without_transaction(*step, pool, settings).await?
        };
        progress.event(Event::Finished { name, duration });
        entries.push(Entry::done(name, duration));
    }
    Ok(entries)
}

/// Foreign keys were off while SQLite's tables were rebuilt; this is what they would have refused.
async fn check_foreign_keys(transaction: &DatabaseTransaction, file: &'static str) -> Result<(), Error> {
    let check = Statement::from_string(sea_orm::DbBackend::Sqlite, "PRAGMA foreign_key_check");
    let violations = transaction.query_all_raw(check).await?;
    let Some(first) = violations.first() else { return Ok(()) };
    Err(Error::ForeignKeys { file, table: first.try_get_by_index(0)?, count: violations.len() })
}
