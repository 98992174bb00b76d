//! What a restore would lose of a live PostgreSQL database: asked of the catalogue before anything is written, and once
//! more by the swap when it holds its locks.
//!
//! What depends on our tables is in `dependents.sql`. What was altered on them shows by comparison with the tables that
//! the migrations make: they are made in a schema of their own, in a transaction that is rolled back.

use sqlx::postgres::PgConnection;

use super::object_facts::{CarryOver, ObjectFacts};
use super::{MARK, REPLACED, STAGING, execute, foreign_schema, query, settings};
use crate::db::connection::first_column;
use crate::db::dialect::quoted_name;
use crate::db::pinned::{self, Home};
use crate::db::staging::{LiveSchema, SchemaObjects};
use crate::db::{Backend, DatabaseUrl, Error, Pool, PoolUse};

/// The schema in which the migrations make their tables for comparison; it is never committed.
const EXPECTED: &str = "authsvc_expected";

/// The state of a live database, and what the migrations make.
pub(in crate::db::staging) struct LiveSurvey {
    /// What depends on our objects and would be lost, each with what to do.
    pub(in crate::db::staging) dependents: Vec<String>,
    pub(in crate::db::staging) live: ObjectFacts,
    /// As the migrations made the live version.
    pub(in crate::db::staging) base: ObjectFacts,
    /// As the newest migrations make it.
    pub(in crate::db::staging) newest: ObjectFacts,
}

/// What a restore would lose of a PostgreSQL database, each with what to do.
pub(in crate::db::staging) async fn losses(
    url: &DatabaseUrl,
    live: &LiveSchema,
    greatest_ids: &[(String, i64)],
) -> Result<Vec<String>, Error> {
    let pool = Pool::open(url, PoolUse::Migrate).await?;
    let survey = LiveSurvey::read(&pool, live).await;
    let beyond = beyond_sequences(&pool, greatest_ids).await;
    pool.close().await;
    let LiveSurvey { mut dependents, live: found, base, newest } = survey?;
    dependents.extend(CarryOver::merge(&base, &found, &newest, live.origin).refused);
    dependents.extend(beyond?);
    Ok(dependents)
}

/// The sequences of the live tables whose greatest value is below an id that is restored: they are carried over as they are.
async fn beyond_sequences(pool: &Pool, greatest_ids: &[(String, i64)]) -> Result<Vec<String>, Error> {
    if greatest_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut transaction = pool.orm().get_postgres_connection_pool().begin().await?;
    let home = home(&mut transaction).await?;
    execute(&mut transaction, settings(&home)).await?;
    let value = |(table, id): &(String, i64)| format!("({}, {id}::bigint)", Backend::Postgres.literal(table));
    let values = greatest_ids.iter().map(value).collect::<Vec<_>>().join(", ");
    let sql = include_str!("../../postgres/restore/beyond_sequences.sql").replace(":ids", &values);
    let found = first_column(query(&mut transaction, sql).await?);
    transaction.rollback().await?;
    Ok(found)
}

impl LiveSurvey {
    /// Reads everything in one transaction, which is rolled back.
    pub(in crate::db::staging) async fn read(pool: &Pool, live: &LiveSchema) -> Result<Self, Error> {
        let mut transaction = pool.orm().get_postgres_connection_pool().begin().await?;
        let home = home(&mut transaction).await?;
        execute(&mut transaction, format!("{}; SET LOCAL lock_timeout = '5s'", settings(&home))).await?;
        let dependents = dependents(&mut transaction, &live.objects).await?;
        let found = facts(&mut transaction, &live.objects).await?;
        let (mut base, mut newest) = (ObjectFacts::default(), ObjectFacts::default());
        if !found.is_empty() {
            refuse_foreign_schemas(&mut transaction).await?;
            execute(&mut transaction, format!("CREATE SCHEMA {EXPECTED}; {}", settings(EXPECTED)))
                .await
                .map_err(super::explain)?;
            if !live.made_by.is_empty() {
                execute(&mut transaction, live.made_by.clone()).await.map_err(not_made)?;
                base = facts(&mut transaction, &live.objects).await?;
            }
            newest = base.clone();
            if !live.newer.is_empty() {
                execute(&mut transaction, live.newer.clone()).await.map_err(not_made)?;
                newest = facts(&mut transaction, &live.objects).await?;
            }
        }
        transaction.rollback().await?;
        Ok(Self { dependents, live: found, base, newest })
    }
}

/// Refuses schemas of other programs that have the names that a restore needs.
async fn refuse_foreign_schemas(connection: &mut PgConnection) -> Result<(), Error> {
    let sql = format!(
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('{EXPECTED}', '{STAGING}', '{REPLACED}')
           AND obj_description(oid, 'pg_namespace') IS DISTINCT FROM '{MARK}'"
    );
    let found = first_column(query(connection, sql).await?);
    found.first().map_or(Ok(()), |schema| Err(foreign_schema(schema)))
}

/// Names what failed while the migrations made their tables for comparison, such as an event trigger of another program.
fn not_made(error: Error) -> Error {
    let message = format!("making the tables of the migrations, to compare them (it was rolled back): {error}");
    error.with_message(message)
}

/// The schema of the live tables, quoted. From here on the transaction searches no other one.
pub(in crate::db::staging) async fn home(connection: &mut PgConnection) -> Result<String, Error> {
    let found = query(connection, pinned::find_schema()).await?.pop().unwrap_or_default();
    let home = Home::from_columns(found.into_iter()).check()?;
    Ok(home.schema.map_or_else(String::new, |schema| quoted_name(&schema)))
}

/// What depends on the objects of the current schema, each with what to do.
pub(in crate::db::staging) async fn dependents(
    connection: &mut PgConnection,
    objects: &SchemaObjects,
) -> Result<Vec<String>, Error> {
    let sql = with_names(include_str!("../../postgres/dependents.sql"), objects);
    Ok(first_column(query(connection, sql).await?))
}

/// The state of the objects of the current schema, which has to be the whole `search_path`.
pub(in crate::db::staging) async fn facts(
    connection: &mut PgConnection,
    objects: &SchemaObjects,
) -> Result<ObjectFacts, Error> {
    let sql = concat!(
        include_str!("../../postgres/restore/relation_facts.sql"),
        include_str!("../../postgres/restore/column_facts.sql"),
        include_str!("../../postgres/restore/other_facts.sql")
    );
    Ok(ObjectFacts::from_rows(query(connection, with_names(sql, objects)).await?))
}

/// Puts names that this program knows into a query.
pub(in crate::db::staging) fn with_names(sql: &str, objects: &SchemaObjects) -> String {
    let list = |names: &[String]| {
        let quoted: Vec<String> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
        format!("ARRAY[{}]::text[]", quoted.join(", "))
    };
    sql.replace(":tables", &list(&objects.tables))
        .replace(":functions", &list(&objects.functions))
        .replace(":sequences", &list(&objects.sequences))
}
