//! Staging on PostgreSQL: a separate schema in the live database, filled by two connections.
//!
//! Every statement runs in a transaction that sets its own `search_path`, so that staging works through a
//! transaction-pooling PgBouncer. Indexes and keys are dropped before the rows are loaded, and rebuilt after them.

pub(super) mod live_survey;
pub(super) mod object_facts;
mod swap;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use sea_orm::{ConnectionTrait, TransactionTrait};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use tokio::sync::mpsc::Receiver;

use super::load::{LoadBlock, LoadError, SentBlocks, TableLoad};
use super::staged_migration::StagedMigration;
use crate::db::connection::{Row, first_column, texts};
use crate::db::dialect::Export;
use crate::db::pinned_settings;
use crate::db::snapshot::postgres::read_all;
use crate::db::{DbErrorKind, Error, Pool, RowSink, binary_copy};

/// Schema in which a restore builds.
pub(super) const STAGING: &str = "authsvc_restore";
/// Schema to which the swap moves the old objects.
pub(super) const REPLACED: &str = "authsvc_replaced";
/// Comment that marks schemas which may be dropped, because they do not belong to other programs.
pub(super) const MARK: &str = "belongs to authsvc restore";
/// Number of connections that copy rows and build indexes.
const WORKERS: usize = 2;

/// Number of attempts to remove the schema, and the pause after each attempt.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// Schema that a restore fills.
pub struct PostgresStaging {
    pool: Pool,
    later: Vec<Later>,
}

/// Index or key that is built after the rows are loaded.
pub(super) struct Later {
    /// `f`, `p` or `u`, as in `pg_constraint.contype`, or `i` for an index.
    pub(super) kind: String,
    pub(super) table: String,
    pub(super) name: String,
    definition: String,
    index: Option<String>,
    /// Columns or expressions of the key.
    pub(super) keys: Option<String>,
    /// Condition of the rows that the key covers; for a foreign key, of the rows that violate it.
    pub(super) condition: Option<String>,
}

impl PostgresStaging {
    /// Creates an empty schema, and replaces what an interrupted restore left. The caller holds the lock of migrations.
    pub(super) async fn begin(pool: Pool) -> Result<Self, Error> {
        let staging = Self { pool, later: Vec::new() };
        staging.discard().await?;
        let mut transaction = staging.sqlx().begin().await?;
        let sql = format!("CREATE SCHEMA {STAGING}; COMMENT ON SCHEMA {STAGING} IS '{MARK}'");
        execute(&mut transaction, sql).await.map_err(explain)?;
        transaction.commit().await?;
        Ok(staging)
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn later(&self) -> &[Later] {
        &self.later
    }

    pub(super) fn sqlx(&self) -> &PgPool {
        self.pool.orm().get_postgres_connection_pool()
    }

    /// Drops what an interrupted restore left. It tries again, because the cause that ended one connection may also end
    /// the next.
    pub(super) async fn discard(&self) -> Result<(), Error> {
        for _ in 1..ATTEMPTS {
            match self.try_discard().await {
                Err(error) if error.kind() == DbErrorKind::NotReady => tokio::time::sleep(PAUSE).await,
                done => return done,
            }
        }
        self.try_discard().await
    }

    async fn try_discard(&self) -> Result<(), Error> {
        for schema in [STAGING, REPLACED] {
            let mut transaction = self.sqlx().begin().await?;
            let found = format!(
                "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = '{schema}'"
            );
            match query(&mut transaction, found).await?.first().and_then(|row| row[0].as_deref()) {
                None => continue,
                Some(MARK) => {}
                Some(_) => {
                    return Err(foreign_schema(schema));
                }
            }
            drop_schema(&mut transaction, schema).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Begins a transaction for migrations that create their tables in the staging schema.
    pub(super) async fn begin_migration(&self) -> Result<StagedMigration, Error> {
        let transaction = self.pool.orm().begin().await?;
        transaction.execute_unprepared(&settings(STAGING)).await?;
        Ok(StagedMigration { pool: self.pool.clone(), transaction })
    }

    /// Runs statements in the staging schema.
    pub(super) async fn execute(&self, sql: String) -> Result<(), Error> {
        self.run_all(vec![sql]).await
    }

    /// Empties the tables, disables their triggers, and drops keys and indexes that would slow down loading.
    pub(super) async fn strip(&mut self, tables: &[String]) -> Result<(), Error> {
        let mut transaction = self.begin_in_staging().await?;
        let found = query(&mut transaction, include_str!("../postgres/keys_and_indexes.sql").to_owned()).await?;
        self.later = found.into_iter().filter_map(Later::from_row).collect();
        let mut sql = String::new();
        for table in tables {
            // a vacuum that starts during the load would only delay it
            sql.push_str(&format!(
                "ALTER TABLE {table} DISABLE TRIGGER USER; ALTER TABLE {table} SET (autovacuum_enabled = FALSE);"
            ));
        }
        sql.push_str(&format!("TRUNCATE {};", tables.join(", ")));
        // foreign keys are dropped first, because they depend on the other keys
        for Later { kind, table, name, .. } in &self.later {
            sql.push_str(&match kind.as_str() {
                "i" => format!("DROP INDEX {name};"),
                _ => format!("ALTER TABLE {table} DROP CONSTRAINT {name};"),
            });
        }
        execute(&mut transaction, sql).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(super) async fn begin_in_staging(&self) -> Result<Transaction<'static, Postgres>, Error> {
        let mut transaction = self.sqlx().begin().await?;
        execute(&mut transaction, settings(STAGING)).await?;
        Ok(transaction)
    }

    /// Copies blocks into the tables on several connections at once.
    pub(super) async fn load(&self, targets: &[TableLoad], blocks: Receiver<LoadBlock>) -> Result<(), LoadError> {
        let blocks = tokio::sync::Mutex::new(blocks);
        let workers = (0..WORKERS).map(|_| self.copy(targets, &blocks));
        futures_util::future::try_join_all(workers).await.map(|_| ())
    }

    /// Copies blocks on one connection until there are no more blocks.
    async fn copy(
        &self,
        loaded: &[TableLoad],
        blocks: &tokio::sync::Mutex<Receiver<LoadBlock>>,
    ) -> Result<(), LoadError> {
        let mut transaction = self.begin_in_staging().await.map_err(LoadError::anywhere)?;
        let mut next = blocks.lock().await.recv().await;
        while let Some(block) = next.take() {
            let target = &loaded[block.table];
            let mut sent = SentBlocks::default();
            match copy_blocks(&mut transaction, target, block, blocks, &mut sent).await {
                Ok(following) => next = following,
                Err(source) => {
                    drop(transaction);
                    return Err(self.refused_in_copy(target, &sent, source.into()).await);
                }
            }
        }
        transaction.commit().await.map_err(|error| LoadError::anywhere(error.into()))
    }
}

/// Runs one COPY for a block and for the following blocks of its table. Returns the first block that needs another
/// COPY.
async fn copy_blocks(
    connection: &mut PgConnection,
    target: &TableLoad,
    block: LoadBlock,
    blocks: &tokio::sync::Mutex<Receiver<LoadBlock>>,
    sent: &mut SentBlocks,
) -> Result<Option<LoadBlock>, sqlx::Error> {
    let take = async || blocks.lock().await.recv().await;
    sent.push(&block);
    let mut sql = format!("COPY {} ({}) FROM STDIN", target.table, target.column_list());
    let Some(rows) = binary_copy::parse(&block.lines, &target.columns) else {
        // the block contains a value that only the server can read
        send(connection, &sql, block.lines).await?;
        return Ok(take().await);
    };
    sql.push_str(" (FORMAT binary)");
    let mut copy = connection.copy_in_raw(&sql).await?;
    copy.send(binary_copy::BEGIN).await?;
    copy.send(rows).await?;
    let mut next = take().await;
    while let Some(following) = next.as_ref().filter(|following| following.table == block.table)
        && let Some(rows) = binary_copy::parse(&following.lines, &target.columns)
    {
        sent.push(following);
        copy.send(rows).await?;
        next = take().await;
    }
    copy.send(binary_copy::END).await?;
    copy.finish().await?;
    Ok(next)
}

/// Runs one COPY of these lines.
async fn send(connection: &mut PgConnection, sql: &str, lines: Vec<u8>) -> Result<(), sqlx::Error> {
    let mut copy = connection.copy_in_raw(sql).await?;
    copy.send(lines).await?;
    copy.finish().await.map(|_| ())
}

impl PostgresStaging {
    pub(super) async fn read_back(&self, target: &TableLoad, sink: &impl RowSink) -> Result<(), Error> {
        let mut transaction = self.begin_in_staging().await?;
        read_all(&mut transaction, Export::of(&target.table, &target.columns), sink).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Builds indexes and keys on several connections at once.
    pub(super) async fn build(&self, tables: &[String]) -> Result<(), LoadError> {
        match self.try_build(tables).await {
            Ok(()) => Ok(()),
            Err(source) => Err(self.refused_by_key(source).await),
        }
    }

    async fn try_build(&self, tables: &[String]) -> Result<(), Error> {
        self.run_all(self.indexes().await?).await?;
        let mut attach = String::new();
        for Later { kind, table, name, .. } in &self.later {
            attach.push_str(&match kind.as_str() {
                "p" => format!("ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {name};"),
                "u" => format!("ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name};"),
                _ => continue,
            });
        }
        let keys = || self.later.iter().filter(|later| later.kind == "f");
        for Later { table, name, definition, .. } in keys() {
            attach.push_str(&format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID;"));
        }
        for table in tables {
            attach.push_str(&format!(
                "ALTER TABLE {table} ENABLE TRIGGER USER; ALTER TABLE {table} RESET (autovacuum_enabled);"
            ));
        }
        self.run_all(vec![attach]).await?;
        let validate = keys().map(|key| format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", key.table, key.name));
        let analyze = tables.iter().map(|table| format!("ANALYZE {table}"));
        self.run_all(validate.chain(analyze).collect()).await
    }

    /// Returns statements that create the indexes, the slowest ones first, so that all connections finish together. The
    /// indexes of the largest table come first, and among these the ones behind keys.
    async fn indexes(&self) -> Result<Vec<String>, Error> {
        let mut transaction = self.begin_in_staging().await?;
        let sql =
            "SELECT relname::text FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind = 'r'
                   ORDER BY pg_relation_size(oid) DESC";
        let tables = first_column(query(&mut transaction, sql.to_owned()).await?);
        transaction.commit().await?;
        let mut indexes: Vec<&Later> = self.later.iter().filter(|later| later.kind != "f").collect();
        indexes.sort_by_key(|later| {
            (tables.iter().position(|table| *table == later.table), later.kind == "i", later.kind == "p")
        });
        let statement = |later: &Later| later.index.clone().unwrap_or_else(|| later.definition.clone());
        Ok(indexes.into_iter().map(statement).collect())
    }

    /// Runs statements, each in a separate transaction.
    async fn run_all(&self, statements: Vec<String>) -> Result<(), Error> {
        let queue = Mutex::new(VecDeque::from(statements));
        let next = || queue.lock().ok().and_then(|mut queue| queue.pop_front());
        let worker = async || {
            while let Some(statement) = next() {
                let mut transaction = self.begin_in_staging().await?;
                execute(&mut transaction, statement).await?;
                transaction.commit().await?;
            }
            Ok::<_, Error>(())
        };
        futures_util::future::try_join_all((0..WORKERS).map(|_| worker())).await.map(|_| ())
    }
}

impl Later {
    fn from_row(row: Row) -> Option<Self> {
        let mut columns = row.into_iter();
        let mut next = || columns.next().flatten();
        Some(Self {
            kind: next()?,
            table: next()?,
            name: next()?,
            definition: next()?,
            index: next(),
            keys: next(),
            condition: next(),
        })
    }
}

/// Returns the settings of a transaction in one schema. More memory for sorting would slow down indexes of texts.
/// Catalogue queries look expensive to the planner, and compiling them would take longer than running them.
pub(super) fn settings(schema: &str) -> String {
    format!(
        "{}SET LOCAL search_path = {schema}, pg_temp; SET LOCAL jit = off; SET LOCAL maintenance_work_mem = '64MB'; \
         SET LOCAL client_min_messages = warning; SET LOCAL synchronous_commit = off; {}",
        pinned_settings::transaction_settings(),
        pinned_settings::lift_newer_limits_of_any_server(),
    )
}

/// Drops a schema of a restore with its contents. It returns an error if other objects depend on the contents.
pub(super) async fn drop_schema(connection: &mut PgConnection, schema: &str) -> Result<(), Error> {
    let sql = include_str!("../postgres/restore/drop_schema.sql").replace(":schema", schema);
    let drops = first_column(query(connection, sql).await?).join("; ");
    execute(connection, drops).await
}

pub(super) async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Returns the rows of a query as texts.
pub(super) async fn query(connection: &mut PgConnection, sql: String) -> Result<Vec<Row>, Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await?.iter().map(texts).collect()
}

/// Builds the error of a schema that belongs to another program and has a name that a restore needs.
pub(super) fn foreign_schema(schema: &str) -> Error {
    let message = format!(
        "there is a schema `{schema}` that does not belong to authsvc: rename it, ALTER SCHEMA {schema} RENAME TO ..."
    );
    Error::new(DbErrorKind::Refused, message)
}

/// Adds the missing privilege to an error of creating a schema.
pub(super) fn explain(error: Error) -> Error {
    if error.kind() != DbErrorKind::PermissionDenied {
        return error;
    }
    Error::new(DbErrorKind::PermissionDenied, format!("{error}: a restore needs the CREATE privilege on the database"))
}
