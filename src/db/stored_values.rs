//! Checks stored values before they are read. A value that the program has no type for causes an error that names table
//! and column.
//!
//! The constraints of the schema refuse such values, so that they exist only if a constraint was dropped. On PostgreSQL
//! the driver adds a time to its epoch without a check, and an infinite time would cause a panic. Every row of the
//! service's queries is checked here before it becomes a model.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait as _, ColumnType, EntityTrait, IdenStatic as _, Iterable as _, QueryResult};
use sqlx::postgres::{PgConnection, PgRow, PgValueFormat};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Column as _, Row as _, TypeInfo as _, ValueRef as _};

/// Times from the year 1 to 9999, in PostgreSQL's microseconds since 2000.
const TIMES: std::ops::Range<i64> = -63_082_281_600_000_000..252_455_616_000_000_000;

/// Refuses rows of PostgreSQL that contain a time outside the years 1 to 9999.
pub(super) async fn check_postgres(connection: &mut PgConnection, rows: &[PgRow]) -> Result<(), sqlx::Error> {
    let Some((row, at)) = rows.iter().find_map(|row| Some((row, unreadable_time(row)?))) else { return Ok(()) };
    let column = row.column(at);
    let table = match column.relation_id() {
        Some(relation) => {
            let sql = format!("SELECT relname::text FROM pg_catalog.pg_class WHERE oid = {}", relation.0);
            let found = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_optional(&mut *connection).await?;
            found.map(|found| found.try_get_unchecked::<String, _>(0)).transpose()?
        }
        None => None,
    };
    let index = table.map_or_else(|| column.name().to_owned(), |table| format!("{table}.{}", column.name()));
    Err(sqlx::Error::ColumnDecode { index, source: "a time outside the years 1 to 9999".into() })
}

/// Returns the first column of a row with a time outside the years 1 to 9999.
fn unreadable_time(row: &PgRow) -> Option<usize> {
    row.columns().iter().map(sqlx::Column::ordinal).find(|at| {
        let Ok(value) = row.try_get_raw(*at) else { return false };
        if !matches!(value.type_info().name(), "TIMESTAMPTZ" | "TIMESTAMP") || value.format() != PgValueFormat::Binary {
            return false;
        }
        let bytes = value.as_bytes().ok().and_then(|bytes| bytes.try_into().ok());
        bytes.is_some_and(|bytes| !TIMES.contains(&i64::from_be_bytes(bytes)))
    })
}

/// Refuses rows of SQLite that contain a value of another type than the table's column.
pub(super) fn check_sqlite<'a>(rows: impl IntoIterator<Item = &'a QueryResult>) -> Result<(), sqlx::Error> {
    rows.into_iter().filter_map(QueryResult::try_as_sqlite_row).try_for_each(check_sqlite_row)
}

fn check_sqlite_row(row: &SqliteRow) -> Result<(), sqlx::Error> {
    for column in row.columns() {
        let origin = column.origin();
        let Some(origin) = origin.table_column() else { continue };
        let table = origin.table.rsplit('.').next().unwrap_or_default();
        let Some(kind) = kinds().get(&(table, &*origin.name)) else { continue };
        let at = column.ordinal();
        let read = match kind {
            StoredKind::Time => row.try_get::<Option<DateTime<Utc>>, _>(at).map(drop),
            StoredKind::Count => row.try_get::<Option<i32>, _>(at).map(drop),
            StoredKind::Id => row.try_get::<Option<i64>, _>(at).map(drop),
            StoredKind::Boolean => row.try_get::<Option<bool>, _>(at).map(drop),
        };
        if let Err(sqlx::Error::ColumnDecode { source, .. }) = read {
            return Err(sqlx::Error::ColumnDecode { index: format!("{table}.{}", origin.name), source });
        }
    }
    Ok(())
}

/// Types whose values SQLite itself does not check.
#[derive(Debug, Clone, Copy)]
enum StoredKind {
    Time,
    Count,
    Id,
    Boolean,
}

type Kinds = HashMap<(&'static str, &'static str), StoredKind>;

/// Returns the columns of the entities that have such a type, by table and column.
fn kinds() -> &'static Kinds {
    static KINDS: OnceLock<Kinds> = OnceLock::new();
    KINDS.get_or_init(|| {
        let mut kinds = Kinds::new();
        add::<entity::User>(&mut kinds);
        add::<entity::OauthProvider>(&mut kinds);
        add::<entity::RefreshToken>(&mut kinds);
        add::<entity::AuthEvent>(&mut kinds);
        add::<entity::MaintenanceRun>(&mut kinds);
        add::<entity::LoginThrottle>(&mut kinds);
        add::<entity::OauthState>(&mut kinds);
        add::<entity::DatabaseIdentity>(&mut kinds);
        add::<entity::KnownDevice>(&mut kinds);
        kinds
    })
}

fn add<E: EntityTrait>(kinds: &mut Kinds) {
    let table = E::default().as_str();
    for column in E::Column::iter() {
        let kind = match column.def().get_column_type() {
            ColumnType::TimestampWithTimeZone | ColumnType::Timestamp | ColumnType::DateTime => StoredKind::Time,
            ColumnType::Integer => StoredKind::Count,
            ColumnType::BigInteger => StoredKind::Id,
            ColumnType::Boolean => StoredKind::Boolean,
            _ => continue,
        };
        kinds.insert((table, column.as_str()), kind);
    }
}

#[cfg(test)]
mod tests {
    use super::{StoredKind, TIMES, kinds};

    #[test]
    fn every_table_has_columns_that_are_checked() {
        for table in entity::TABLES {
            assert!(kinds().keys().any(|(found, _)| *found == table), "{table}");
        }
        assert!(matches!(kinds()[&("users", "locked_until")], StoredKind::Time));
        assert!(matches!(kinds()[&("users", "failed_login_count")], StoredKind::Count));
    }

    #[test]
    fn times_are_those_of_the_constraints() {
        let micros = |text: &str| {
            let epoch = chrono::DateTime::parse_from_rfc3339("2000-01-01T00:00:00Z").unwrap();
            (chrono::DateTime::parse_from_rfc3339(text).unwrap() - epoch).num_microseconds().unwrap()
        };
        assert_eq!(TIMES.start, micros("0001-01-01T00:00:00Z"));
        assert_eq!(TIMES.end - 1, micros("9999-12-31T23:59:59.999999Z"));
    }
}
