//! Values that the live database keeps through a swap, independent of the file.
//!
//! An id that was issued in the live database or in the file is never issued again. A sequence continues above the
//! greatest of four numbers: its values in the file and in the live database, and the greatest ids in both. To keep
//! another value, read it here on both engines where the sequences are read. That is after the old tables are locked
//! and moved, and before they are dropped.

use sqlx::postgres::PgConnection;

use super::postgres::object_facts::ObjectFacts;
use super::postgres::{PostgresStaging, REPLACED, STAGING, execute, query};
use crate::db::Error;
use crate::db::connection::{Row, first_column};

/// Returns statements for SQLite that set the sequences of the schema `staged` above those of the schema `live`.
pub(super) fn sqlite_statements(live: &str, staged: &str, tables: &[String]) -> String {
    let mut sql = String::new();
    for table in tables {
        let given_out = format!(
            "max(coalesce((SELECT max(seq) FROM {live}.sqlite_sequence WHERE name = '{table}'), 0),
                 coalesce((SELECT max(id) FROM {live}.\"{table}\"), 0),
                 coalesce((SELECT max(id) FROM {staged}.\"{table}\"), 0))"
        );
        sql.push_str(&format!(
            "INSERT INTO {staged}.sqlite_sequence (name, seq)
             SELECT '{table}', 0
             WHERE {given_out} > 0 AND NOT EXISTS (SELECT 1 FROM {staged}.sqlite_sequence WHERE name = '{table}');
             UPDATE {staged}.sqlite_sequence SET seq = max(seq, {given_out}) WHERE name = '{table}';"
        ));
    }
    sql
}

/// Positions at which the sequences of a PostgreSQL database continue.
pub(super) struct KeptSequences(Vec<Position>);

/// Position of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    sequence: String,
    last: i64,
    used: bool,
}

impl KeptSequences {
    /// Reads the values of the new sequences in the home schema, and of the old sequences that they replace.
    pub(super) async fn read(connection: &mut PgConnection, home: &str, staged: &ObjectFacts) -> Result<Self, Error> {
        let sql = format!(
            "SELECT relname::text FROM pg_class WHERE relnamespace = '{REPLACED}'::regnamespace AND relkind IN ('r', 'p', 'S')"
        );
        let old = first_column(query(connection, sql).await?);
        let mut positions = Vec::new();
        for (sequence, owner) in staged.values("sequence ", "column it belongs to") {
            let Some((table, column)) = owner.rsplit_once('.') else { continue };
            let mut sql = values(home, sequence, table, column);
            let is_old = |name: &str| old.iter().any(|old| *old == name);
            if is_old(sequence) && is_old(table) {
                sql.push_str(&format!(" UNION ALL {}", values(REPLACED, sequence, table, column)));
            }
            let found = query(connection, sql).await?;
            positions.extend(Position::furthest(sequence, &found));
        }
        Ok(Self(positions))
    }

    /// Sets the new sequences.
    pub(super) async fn set(&self, connection: &mut PgConnection) -> Result<(), Error> {
        for Position { sequence, last, used } in &self.0 {
            let set = execute(connection, format!("SELECT setval('{sequence}', {last}, {used})")).await;
            set.map_err(|error| {
                let message = format!("setting the sequence `{sequence}` above every issued id: {error}");
                error.with_message(message)
            })?;
        }
        Ok(())
    }
}

impl PostgresStaging {
    /// Raises staged sequences that are below the ids of their tables. Returns a text with the old and the new value of
    /// each.
    pub(super) async fn raise_sequences(&self) -> Result<Vec<String>, Error> {
        let mut transaction = self.begin_in_staging().await?;
        let mut notes = Vec::new();
        for row in query(&mut transaction, include_str!("../postgres/sequences.sql").to_owned()).await? {
            let [Some(sequence), Some(table), ..] = row.as_slice() else { continue };
            let found = query(&mut transaction, values(STAGING, sequence, table, "id")).await?;
            let positions: Vec<Position> = found.iter().filter_map(|row| Position::of(sequence, row)).collect();
            let [own, ids] = positions.as_slice() else { continue };
            if ids.given_out() > own.given_out() {
                execute(&mut transaction, format!("SELECT setval('{sequence}', {}, true)", ids.last)).await?;
                notes.push(raised(table, ids.last));
            }
        }
        transaction.commit().await?;
        Ok(notes)
    }
}

/// Returns a warning that the file contained no value for a sequence, or one that is too low.
pub(super) fn raised(table: &str, id: i64) -> String {
    format!("the file does not record that ids of `{table}` up to {id} were issued; new ids continue above it")
}

/// Returns a query for the value of a sequence and for the greatest id of its table, one row each.
fn values(schema: &str, sequence: &str, table: &str, column: &str) -> String {
    format!(
        "SELECT last_value::text, is_called::text FROM {schema}.{sequence}
         UNION ALL SELECT max({column})::text, 'true' FROM {schema}.{table}"
    )
}

impl Position {
    /// Returns the row with the highest issued number, or the first of several equal rows.
    fn furthest(sequence: &str, rows: &[Row]) -> Option<Self> {
        let positions = rows.iter().filter_map(|row| Self::of(sequence, row));
        positions.reduce(|furthest, other| if other.given_out() > furthest.given_out() { other } else { furthest })
    }

    fn of(sequence: &str, row: &Row) -> Option<Self> {
        let last: i64 = row.first()?.as_deref()?.parse().ok()?;
        let used = row.get(1)?.as_deref()? == "true";
        Some(Self { sequence: sequence.to_owned(), last, used })
    }

    /// Returns the greatest number that was issued.
    fn given_out(&self) -> i64 {
        if self.used { self.last } else { self.last.saturating_sub(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_goes_on_behind_everything_that_was_given_out() {
        let row = |last: &str, used: &str| vec![Some(last.to_owned()), Some(used.to_owned())];
        for (rows, last, used) in [
            (vec![row("1", "false"), vec![None, Some("true".to_owned())]], 1, false),
            (vec![row("7", "true"), row("3", "true"), row("9", "true")], 9, true),
            (vec![row("5000", "false"), row("4999", "true")], 5000, false),
            (vec![row("4", "true"), row("5", "false")], 4, true),
        ] {
            let found =
                Position::furthest("s", &rows).unwrap_or_else(|| Position { sequence: String::new(), last: 0, used });
            assert_eq!((found.last, found.used), (last, used), "{rows:?}");
        }
    }
}
