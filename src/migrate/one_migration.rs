//! Runs one migration up or down, and updates its ledger row.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use super::embedded::{Migration, Script};
use super::error::{Error, FailureScope};
use super::ledger::{AppliedMigration, RecordKind};
use super::lock::with_jitter;
use super::progress::{MigrationEvent, MigrationProgress};
use super::script::SqlMigration;
use super::settings::MigrationSettings;
use crate::clock::Stopwatch;
use crate::db::{self, Backend, NoTimeoutSession, Pool};

/// Direction of a migration step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// One migration in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) migration: &'static Migration,
    pub(crate) direction: Direction,
}

impl Step {
    pub(crate) fn script(self, backend: Backend) -> Result<&'static Script, Error> {
        let pair = self.migration.pair(backend);
        match self.direction {
            Direction::Up => Ok(&pair.up),
            Direction::Down => pair.down.as_ref().ok_or(Error::Irreversible { name: self.migration.name }),
        }
    }

    fn record(self, backend: Backend, settings: &MigrationSettings, now: DateTime<Utc>, duration: Duration) -> String {
        match self.direction {
            Direction::Up => insert(self.migration, RecordKind::Applied, backend, settings, now, duration),
            Direction::Down => delete(self.migration, backend),
        }
    }
}

/// Runs a step in the caller's transaction. After a failure the transaction can only be rolled back.
pub(crate) async fn in_transaction(
    step: Step,
    transaction: &DatabaseTransaction,
    backend: Backend,
    settings: &MigrationSettings,
) -> Result<Duration, Error> {
    let script = step.script(backend)?;
    let watch = Stopwatch::start();
    let timeout = script.lock_timeout_ms.unwrap_or(milliseconds(settings.lock_timeout));
    let before = format!("{}; {}; SAVEPOINT migration", backend.migration_settings(), backend.lock_timeout(timeout));
    transaction.execute_unprepared(&before).await?;
    let manager = SchemaManager::new(transaction);
    let migration = SqlMigration(step.migration);
    let outcome = match step.direction {
        Direction::Up => migration.up(&manager).await,
        Direction::Down => migration.down(&manager).await,
    };
    if let Err(error) = outcome {
        return Err(locate(script, error, transaction).await);
    }
    let record = step.record(backend, settings, crate::clock::now(), watch.elapsed());
    transaction.execute_unprepared(&format!("RELEASE SAVEPOINT migration; {record}")).await?;
    Ok(watch.elapsed())
}

/// Runs a step in its own transaction, and retries while another session's lock blocks it.
pub(crate) async fn with_retry(
    step: Step,
    pool: &Pool,
    settings: &MigrationSettings,
    progress: &dyn MigrationProgress,
) -> Result<Duration, Error> {
    let watch = Stopwatch::start();
    let mut pause = Duration::from_millis(200);
    loop {
        let transaction = begin(pool).await?;
        let error = match in_transaction(step, &transaction, pool.backend(), settings).await {
            Ok(duration) => {
                transaction.commit().await?;
                return Ok(duration);
            }
            Err(error) => error,
        };
        if let Err(rollback) = transaction.rollback().await {
            tracing::debug!(%rollback, "the rollback command failed; the server rolls back by itself");
        }
        if !is_lock_timeout(&error) {
            return Err(error);
        }
        if watch.elapsed() + pause > settings.patience {
            return Err(Error::LockTimeout {
                what: "a table that has to be changed remained locked",
                waited: settings.patience,
            });
        }
        let pause_now = with_jitter(pause);
        progress.event(MigrationEvent::Retrying { name: step.migration.name, pause: pause_now });
        tokio::time::sleep(pause_now).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// Begins a transaction for schema changes, with pinned schema and settings, as the owner of the tables.
pub(super) async fn begin(pool: &Pool) -> Result<DatabaseTransaction, Error> {
    let transaction = pool.begin_pinned().await?;
    transaction.execute_unprepared(&pool.backend().assume_owner()).await?;
    Ok(transaction)
}

/// Runs a step outside a transaction, one statement at a time and without timeouts. After a failure it can run again
/// and continues after its completed statements.
pub(crate) async fn without_transaction(
    step: Step,
    pool: &Pool,
    settings: &MigrationSettings,
) -> Result<Duration, Error> {
    let backend = pool.backend();
    let script = step.script(backend)?;
    let watch = Stopwatch::start();
    let mut session = NoTimeoutSession::begin(pool).await?;
    let done = run_each(script, &mut session).await;
    session.release().await;
    done?;
    let record = step.record(backend, settings, crate::clock::now(), watch.elapsed());
    let transaction = begin(pool).await?;
    transaction.execute_unprepared(&record).await?;
    transaction.commit().await?;
    Ok(watch.elapsed())
}

async fn run_each(script: &'static Script, session: &mut NoTimeoutSession) -> Result<(), Error> {
    for (at, statement) in script.statements.iter().enumerate() {
        if let Some(index) = index_built_concurrently(statement.sql) {
            drop_if_invalid(session, index).await?;
        }
        session.execute(statement.sql).await.map_err(|error| failure(script, at, 0, error))?;
    }
    Ok(())
}

/// Name of the index that a statement builds concurrently. `None` for other statements.
fn index_built_concurrently(sql: &str) -> Option<&str> {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let at = words.iter().position(|word| word.eq_ignore_ascii_case("CONCURRENTLY"))?;
    if !words[0].eq_ignore_ascii_case("CREATE") {
        return None;
    }
    words[at + 1..]
        .iter()
        .copied()
        .find(|word| !["IF", "NOT", "EXISTS"].iter().any(|skip| skip.eq_ignore_ascii_case(word)))
}

/// Drops an index whose concurrent build was interrupted. Such an index exists but is unused, and `IF NOT EXISTS` would
/// keep it.
async fn drop_if_invalid(session: &mut NoTimeoutSession, index: &str) -> Result<(), Error> {
    let name = Backend::Postgres.literal(index);
    let invalid = format!("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass({name}) AND NOT indisvalid");
    if session.execute(&invalid).await? > 0 {
        tracing::info!(index, "dropping an index whose build was interrupted");
        session.execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")).await?;
    }
    Ok(())
}

/// Finds the statement that failed, by the position that the server reported or by running the statements one by one.
async fn locate(script: &'static Script, error: DbErr, transaction: &DatabaseTransaction) -> Error {
    let error = db::Error::from(error);
    if error.kind() == db::DbErrorKind::Locked || error.kind() == db::DbErrorKind::Unreachable {
        return Error::Database(error);
    }
    if let Some(position) = error.position()
        && let Some((at, line)) = statement_at(script, position)
    {
        return failure(script, at, line, error);
    }
    if transaction.execute_unprepared("ROLLBACK TO SAVEPOINT migration").await.is_err() {
        return Error::Database(error);
    }
    for (at, statement) in script.statements.iter().enumerate() {
        if let Err(error) = transaction.execute_unprepared(statement.sql).await {
            return failure(script, at, 0, error.into());
        }
    }
    Error::Database(error)
}

/// Finds the statement, and the line in it, to which a character position of the batch belongs.
fn statement_at(script: &Script, position: usize) -> Option<(usize, usize)> {
    let byte = script.batch.char_indices().nth(position.checked_sub(1)?)?.0;
    let mut start = 0;
    for (at, statement) in script.statements.iter().enumerate() {
        // the batch holds the same statements, without CONCURRENTLY
        let end =
            start + script.batch[start..].find(&format!("{};\n", statement.sql)).unwrap_or(0) + statement.sql.len() + 2;
        if byte < end {
            return Some((at, script.batch[start..byte].matches('\n').count()));
        }
        start = end;
    }
    None
}

fn failure(script: &Script, at: usize, lines_down: usize, source: db::Error) -> Error {
    let statement = &script.statements[at];
    let excerpt = statement.sql.lines().nth(lines_down).unwrap_or_default().trim().to_owned();
    let scope = if script.transactional { FailureScope::Migration } else { FailureScope::Statement };
    Error::Sql { file: script.file, line: statement.line + lines_down, excerpt, scope, source: Box::new(source) }
}

fn is_lock_timeout(error: &Error) -> bool {
    error.database().is_some_and(|source| source.kind() == db::DbErrorKind::Locked)
}

/// Ledger rows of a migration that was applied at `now`.
pub(crate) fn insert(
    migration: &Migration,
    origin: RecordKind,
    backend: Backend,
    settings: &MigrationSettings,
    now: DateTime<Utc>,
    duration: Duration,
) -> String {
    insert_at(migration, origin, backend, settings, &now.timestamp().to_string(), duration)
}

/// Ledger rows of a migration that was applied at the SQL expression `at`, in Unix seconds.
pub(crate) fn insert_at(
    migration: &Migration,
    origin: RecordKind,
    backend: Backend,
    settings: &MigrationSettings,
    at: &str,
    duration: Duration,
) -> String {
    let name = backend.literal(migration.name);
    format!(
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ({name}, {at}); \
         INSERT INTO authsvc_migrations (version, checksum, kind, compatible, applied_at, duration_ms, app_version) \
         VALUES ({name}, {}, {}, {}, {at}, {}, {})",
        backend.literal(migration.checksum(backend)),
        backend.literal(origin.as_str()),
        migration.compatible,
        milliseconds(duration),
        backend.literal(&settings.app_version),
    )
}

/// Ledger rows of a migration from another database's history. They keep its time, duration and kind.
pub(crate) fn taken_over(
    migration: &Migration,
    before: Option<&AppliedMigration>,
    backend: Backend,
    settings: &MigrationSettings,
) -> String {
    let origin = before.and_then(|before| before.origin).unwrap_or(RecordKind::Adopted);
    let at = before.and_then(|before| before.applied_at).unwrap_or_else(crate::clock::now);
    let duration = Duration::from_millis(before.and_then(|before| before.duration_ms).unwrap_or(0));
    let app_version = before.and_then(|before| before.app_version.clone());
    let settings = MigrationSettings {
        app_version: app_version.unwrap_or_else(|| settings.app_version.clone()),
        ..settings.clone()
    };
    insert(migration, origin, backend, &settings, at, duration)
}

fn delete(migration: &Migration, backend: Backend) -> String {
    let name = backend.literal(migration.name);
    format!(
        "DELETE FROM authsvc_migrations WHERE version = {name}; DELETE FROM seaql_migrations WHERE version = {name}"
    )
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
