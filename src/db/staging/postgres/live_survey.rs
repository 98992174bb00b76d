//! Survey of a live PostgreSQL database: what a restore would lose. It reads the catalogue before any change, and again
//! in the swap under its locks.
//!
//! `dependents.sql` finds objects that depend on the program's tables. Changes to these tables are found by comparison
//! with tables that the migrations create. These are created in a separate schema, in a transaction that is rolled
//! back.

use sqlx::postgres::PgConnection;

use super::object_facts::{CarryOver, ObjectFacts};
use super::{MARK, REPLACED, STAGING, execute, foreign_schema, query, settings};
use crate::db::connection::first_column;
use crate::db::dialect::quoted_name;
use crate::db::pinned_settings::{self, Home};
use crate::db::staging::live_schema::{LiveSchema, SchemaObjects};
use crate::db::{Backend, DatabaseUrl, Error, Pool, PoolUse};

/// Schema in which the migrations create their tables for comparison. It is never committed.
const EXPECTED: &str = "authsvc_expected";

/// State of a live database, and the state that the migrations create.
pub(in crate::db::staging) struct LiveSurvey {
    /// Dependent objects that would be lost, each with a remedy.
    pub(in crate::db::staging) dependents: Vec<String>,
    pub(in crate::db::staging) live: ObjectFacts,
    /// State that the migrations of the live version created.
    pub(in crate::db::staging) base: ObjectFacts,
    /// State that the newest migrations create.
    pub(in crate::db::staging) newest: ObjectFacts,
}

/// Lists what a restore would lose in a PostgreSQL database, each with a remedy.
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

/// Lists the sequences of the live tables with a maximum below a restored id. A restore keeps the sequences'
/// definitions.
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
    /// Reads all states in one transaction, which is rolled back.
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

/// Refuses schemas of other programs that have the names a restore needs.
async fn refuse_foreign_schemas(connection: &mut PgConnection) -> Result<(), Error> {
    let sql = format!(
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('{EXPECTED}', '{STAGING}', '{REPLACED}')
           AND obj_description(oid, 'pg_namespace') IS DISTINCT FROM '{MARK}'"
    );
    let found = first_column(query(connection, sql).await?);
    found.first().map_or(Ok(()), |schema| Err(foreign_schema(schema)))
}

/// Adds the context to an error of creating the tables for comparison, for example from an event trigger of another
/// program.
fn not_made(error: Error) -> Error {
    let message = format!("creating the tables of the migrations for comparison (rolled back): {error}");
    error.with_message(message)
}

/// Returns the quoted schema of the live tables. After this call the transaction searches no other schema.
pub(in crate::db::staging) async fn home(connection: &mut PgConnection) -> Result<String, Error> {
    let found = query(connection, pinned_settings::find_schema()).await?.pop().unwrap_or_default();
    let home = Home::from_columns(found.into_iter()).check()?;
    Ok(home.schema.map_or_else(String::new, |schema| quoted_name(&schema)))
}

/// Lists what depends on the objects of the current schema, each with a remedy.
pub(in crate::db::staging) async fn dependents(
    connection: &mut PgConnection,
    objects: &SchemaObjects,
) -> Result<Vec<String>, Error> {
    let sql = with_names(include_str!("../../postgres/dependents.sql"), objects);
    Ok(first_column(query(connection, sql).await?))
}

/// Reads the state of the objects of the current schema, which must be the only schema of the `search_path`.
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

/// Inserts names that this program knows into a query.
pub(in crate::db::staging) fn with_names(sql: &str, objects: &SchemaObjects) -> String {
    let list = |names: &[String]| {
        let quoted: Vec<String> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
        format!("ARRAY[{}]::text[]", quoted.join(", "))
    };
    sql.replace(":tables", &list(&objects.tables))
        .replace(":functions", &list(&objects.functions))
        .replace(":sequences", &list(&objects.sequences))
}
