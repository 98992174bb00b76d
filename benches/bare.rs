//! The floor of every command on PostgreSQL: a process that connects with the same driver and runs one query.

use sqlx::{Connection, PgConnection};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sqlx::Error> {
    let url = std::env::args().nth(1).unwrap_or_default();
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::raw_sql("SELECT 1").execute(&mut connection).await?;
    connection.close().await
}
