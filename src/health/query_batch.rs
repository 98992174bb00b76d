//! Sends several statements in one message. If one statement fails because of a single table, each statement is sent
//! separately, so that other figures are not lost. In the SQL, an empty line ends each statement, and the settings
//! before the first.

use super::tagged_rows::TaggedRows;
use crate::db::{Backend, Connection, DbErrorKind, Error, PartialRows};

/// Rows of several statements.
pub(super) struct BatchRows {
    pub(super) rows: TaggedRows,
    /// Reasons why rows of other statements are missing.
    pub(super) failures: Vec<Error>,
}

/// Runs the statements and returns their rows and failures. `of_one_table` lists the error kinds after which the other
/// statements can succeed.
pub(super) async fn query_batch(connection: &mut Connection, sql: String, of_one_table: &[DbErrorKind]) -> BatchRows {
    let PartialRows { rows, failure } = connection.query_partial(sql.clone()).await;
    match failure {
        Some(error) if connection.backend() == Backend::Postgres && of_one_table.contains(&error.kind()) => {
            one_by_one(connection, &sql).await
        }
        failure => BatchRows { rows: TaggedRows::new(rows), failures: failure.into_iter().collect() },
    }
}

async fn one_by_one(connection: &mut Connection, sql: &str) -> BatchRows {
    let (settings, statements) = sql.split_once("\n\n").unwrap_or(("", sql));
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for statement in statements.split("\n\n") {
        let found = connection.query_partial(format!("{settings}\n{statement}")).await;
        rows.extend(found.rows);
        failures.extend(found.failure);
    }
    BatchRows { rows: TaggedRows::new(rows), failures }
}
