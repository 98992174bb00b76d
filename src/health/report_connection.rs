//! Database connection of a report. It is reused for the next report, and closed whenever an answer failed or was late.
//! No report therefore waits behind an unwanted answer.

use crate::db::{Connection, DatabaseUrl, Error};

/// A query that a report runs.
pub(super) trait ReportQuery: Sync {
    type Output: Send;

    fn run(&self, connection: &mut Connection) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

#[derive(Default)]
pub(super) struct ReportConnection(Option<Connection>);

impl ReportConnection {
    /// Runs a query. If the reused connection was lost meanwhile, the query runs once more on a new connection.
    pub(super) async fn run<Q: ReportQuery>(&mut self, url: &DatabaseUrl, question: &Q) -> Result<Q::Output, Error> {
        if let Some(mut kept) = self.0.take() {
            match question.run(&mut kept).await {
                Ok(answer) => {
                    self.0 = Some(kept);
                    return Ok(answer);
                }
                Err(error) if error.is_transient() => drop(kept),
                Err(error) => return Err(error),
            }
        }
        let mut new = Connection::open(url).await?;
        let answer = question.run(&mut new).await?;
        self.0 = Some(new);
        Ok(answer)
    }

    /// Closes the connection properly.
    pub(super) async fn close(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.hang_up().await;
        }
    }
}
