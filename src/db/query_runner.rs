//! Runs the service's queries: SeaORM's builders, on a pool that may move from one server to another.
//!
//! On SQLite it uses SeaORM's own connection. On PostgreSQL this file sends the statements, so that each statement
//! belongs to a known inner pool ([`FailoverPool`]) and each error is inspected. If a pooler does not support prepared
//! statements, statements are sent without a name. Each then runs in a transaction, because the pooler may otherwise
//! give the server to another client before the statement runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sea_orm::sea_query::Values;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow};
use sqlx::{AssertSqlSafe, Either, Executor as _};
use tokio::sync::Mutex;

use super::Error;
use super::bind_values::replace_nul;
use super::failover_pool::{FailoverPool, Lease, ReplacementSignal};
use super::leased_transaction::LeasedTransaction;
use super::pinned_settings::CommitWait;
use super::stored_values;
use crate::clock::Stopwatch;

type Observer = Arc<dyn Fn(&Statement, Duration) + Send + Sync>;
type PgResponse = (PgQueryResult, Vec<PgRow>);

/// Database handle for the service's queries.
#[derive(Clone)]
pub struct QueryRunner(Inner);

#[derive(Clone)]
enum Inner {
    Postgres(PgExecutor),
    Sqlite(DatabaseConnection),
}

/// Transaction that is rolled back if it is dropped.
pub struct Transaction(InnerTransaction);

enum InnerTransaction {
    Postgres(PgExecutor, Mutex<Lease<LeasedTransaction>>),
    Sqlite(DatabaseTransaction),
}

impl QueryRunner {
    pub(super) fn postgres(pool: Arc<FailoverPool>) -> Self {
        Self(Inner::Postgres(PgExecutor { pool, observer: None }))
    }

    pub(super) fn sqlite(orm: DatabaseConnection) -> Self {
        Self(Inner::Sqlite(orm))
    }

    /// Sets an observer that receives every query and its duration.
    pub(super) fn observe(&mut self, observer: Observer) {
        match &mut self.0 {
            Inner::Postgres(executor) => executor.observer = Some(observer),
            Inner::Sqlite(orm) => orm.set_metric_callback(move |info| observer(info.statement, info.elapsed)),
        }
    }

    pub(super) fn failover_pool(&self) -> Option<&Arc<FailoverPool>> {
        match &self.0 {
            Inner::Postgres(executor) => Some(&executor.pool),
            Inner::Sqlite(_) => None,
        }
    }

    /// Checks that the database accepts writes; for SQLite, that it answers.
    pub(super) async fn check_writable(&self) -> Result<(), Error> {
        match &self.0 {
            Inner::Postgres(executor) => executor.pool.check_writable().await,
            Inner::Sqlite(orm) => Ok(orm.execute_unprepared("SELECT 1").await.map(|_| ())?),
        }
    }

    /// Begins a transaction. On SQLite it holds the write lock from the start, so that the rows it reads do not change
    /// until its end.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        self.begin_with(CommitWait::AsConfigured).await
    }

    /// Begins a transaction with this wait at commit, for changes that a crash of the server may undo.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub(super) async fn begin_with(&self, wait: CommitWait) -> Result<Transaction, DbErr> {
        Ok(Transaction(match &self.0 {
            Inner::Sqlite(orm) => {
                let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
                let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
                InnerTransaction::Sqlite(orm.begin_with_options(options).await?)
            }
            Inner::Postgres(executor) => {
                let lease = executor.pool.begin(wait).await.map_err(no_lease)?;
                InnerTransaction::Postgres(executor.clone(), Mutex::new(lease))
            }
        }))
    }
}

impl Transaction {
    /// Commits all statements of the transaction.
    ///
    /// # Errors
    /// Returns an error if the database rejects the commit or does not answer. Without an answer the transaction may be
    /// committed or not.
    pub async fn commit(self) -> Result<(), DbErr> {
        match self.0 {
            InnerTransaction::Sqlite(transaction) => transaction.commit().await,
            InnerTransaction::Postgres(executor, lease) => {
                let Lease { connection, mut replaced } = lease.into_inner();
                executor.inspect_error(replaced.unless_replaced(connection.commit()).await)
            }
        }
    }

    /// Rolls the transaction back.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn rollback(self) -> Result<(), DbErr> {
        match self.0 {
            InnerTransaction::Sqlite(transaction) => transaction.rollback().await,
            InnerTransaction::Postgres(executor, lease) => {
                let Lease { connection, mut replaced } = lease.into_inner();
                executor.inspect_error(replaced.unless_replaced(connection.rollback()).await)
            }
        }
    }
}

/// Sends statements to PostgreSQL.
#[derive(Clone)]
struct PgExecutor {
    pool: Arc<FailoverPool>,
    observer: Option<Observer>,
}

impl PgExecutor {
    /// Sends a statement on a connection of the pool.
    async fn send(&self, statement: &Statement) -> Result<PgResponse, DbErr> {
        if self.pool.prepares() {
            let Lease { mut connection, mut replaced } = self.pool.acquire().await.map_err(no_lease)?;
            let answer = self.send_on(&mut connection, &mut replaced, statement).await?;
            connection.complete();
            return Ok(answer);
        }
        let Lease { mut connection, mut replaced } =
            self.pool.begin(CommitWait::AsConfigured).await.map_err(no_lease)?;
        let answer = self.send_on(self.inspect_error(connection.connection())?, &mut replaced, statement).await?;
        self.inspect_error(replaced.unless_replaced(connection.commit()).await)?;
        Ok(answer)
    }

    async fn send_on(
        &self,
        connection: &mut PgConnection,
        replaced: &mut ReplacementSignal,
        statement: &Statement,
    ) -> Result<PgResponse, DbErr> {
        let watch = Stopwatch::start();
        let answer = replaced.unless_replaced(fetch(connection, statement, self.pool.prepares())).await;
        if let Some(observer) = &self.observer {
            observer(statement, watch.elapsed());
        }
        self.inspect_error(answer)
    }

    /// Sends a statement as a simple query.
    async fn send_unprepared(&self, sql: &str) -> Result<PgQueryResult, DbErr> {
        let Lease { mut connection, mut replaced } = self.pool.acquire().await.map_err(no_lease)?;
        let done = self.inspect_error(replaced.unless_replaced(execute_unprepared(&mut connection, sql)).await)?;
        connection.complete();
        Ok(done)
    }

    fn inspect_error<T>(&self, done: Result<T, sqlx::Error>) -> Result<T, DbErr> {
        done.map_err(|error| {
            self.pool.inspect_error(&error);
            DbErr::Query(RuntimeErr::SqlxError(error.into()))
        })
    }
}

/// Fetches all rows of a statement and its final result.
async fn fetch(
    connection: &mut PgConnection,
    statement: &Statement,
    is_named: bool,
) -> Result<PgResponse, sqlx::Error> {
    let values = statement.values.clone().unwrap_or(Values(Vec::new()));
    let query = sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), SqlxValues(values)).persistent(is_named);
    let (mut result, mut rows) = (PgQueryResult::default(), Vec::new());
    let mut answers = connection.fetch_many(query);
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(done) => result.extend([done]),
            Either::Right(row) => rows.push(row),
        }
    }
    drop(answers);
    stored_values::check_postgres(connection, &rows).await?;
    Ok((result, rows))
}

async fn execute_unprepared(connection: &mut PgConnection, sql: &str) -> Result<PgQueryResult, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await
}

fn no_lease(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}

fn first_row(rows: Vec<PgRow>) -> Option<QueryResult> {
    rows.into_iter().next().map(QueryResult::from)
}

fn all_rows(rows: Vec<PgRow>) -> Vec<QueryResult> {
    rows.into_iter().map(QueryResult::from).collect()
}

/// Returns the row of a look-up by a unique key. SeaORM's `one` adds `LIMIT ?`. SQLite prepares such a statement again
/// for every run, which takes longer than the look-up.
pub(super) fn unique_row<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}

/// Refuses rows of SQLite with values that the program has no types for.
fn readable<R>(rows: R) -> Result<R, DbErr>
where
    for<'a> &'a R: IntoIterator<Item = &'a QueryResult>,
{
    let checked = stored_values::check_sqlite(&rows);
    checked.map(|()| rows).map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
}

#[async_trait::async_trait]
impl ConnectionTrait for QueryRunner {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Inner::Postgres(_) => DbBackend::Postgres,
            Inner::Sqlite(orm) => orm.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let statement = replace_nul(statement);
        match &self.0 {
            Inner::Postgres(executor) => Ok(executor.send(&statement).await?.0.into()),
            Inner::Sqlite(orm) => orm.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Inner::Postgres(executor) => Ok(executor.send_unprepared(sql).await?.into()),
            Inner::Sqlite(orm) => orm.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = replace_nul(statement);
        match &self.0 {
            Inner::Postgres(executor) => Ok(first_row(executor.send(&statement).await?.1)),
            Inner::Sqlite(orm) => readable(orm.query_one_raw(statement).await?),
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = replace_nul(statement);
        match &self.0 {
            Inner::Postgres(executor) => Ok(all_rows(executor.send(&statement).await?.1)),
            Inner::Sqlite(orm) => readable(orm.query_all_raw(statement).await?),
        }
    }
}

impl InnerTransaction {
    async fn send(
        executor: &PgExecutor,
        lease: &Mutex<Lease<LeasedTransaction>>,
        statement: &Statement,
    ) -> Result<PgResponse, DbErr> {
        let mut lease = lease.lock().await;
        let Lease { connection, replaced } = &mut *lease;
        executor.send_on(executor.inspect_error(connection.connection())?, replaced, statement).await
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            InnerTransaction::Postgres(..) => DbBackend::Postgres,
            InnerTransaction::Sqlite(transaction) => transaction.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let statement = replace_nul(statement);
        match &self.0 {
            InnerTransaction::Postgres(executor, lease) => {
                Ok(InnerTransaction::send(executor, lease, &statement).await?.0.into())
            }
            InnerTransaction::Sqlite(transaction) => transaction.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            InnerTransaction::Postgres(executor, lease) => {
                let mut lease = lease.lock().await;
                let Lease { connection, replaced } = &mut *lease;
                let connection = executor.inspect_error(connection.connection())?;
                Ok(executor.inspect_error(replaced.unless_replaced(execute_unprepared(connection, sql)).await)?.into())
            }
            InnerTransaction::Sqlite(transaction) => transaction.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = replace_nul(statement);
        match &self.0 {
            InnerTransaction::Postgres(executor, lease) => {
                Ok(first_row(InnerTransaction::send(executor, lease, &statement).await?.1))
            }
            InnerTransaction::Sqlite(transaction) => readable(transaction.query_one_raw(statement).await?),
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = replace_nul(statement);
        match &self.0 {
            InnerTransaction::Postgres(executor, lease) => {
                Ok(all_rows(InnerTransaction::send(executor, lease, &statement).await?.1))
            }
            InnerTransaction::Sqlite(transaction) => readable(transaction.query_all_raw(statement).await?),
        }
    }
}
