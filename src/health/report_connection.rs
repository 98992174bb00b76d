//! The connection of a report. It is kept from one to the next, and given up whenever an answer failed or was late, so that
//! nobody waits behind an answer that nobody wants any more.

use crate::db::{Connection, DatabaseUrl, Error};

/// What a report asks.
pub(super) trait ReportQuery: Sync {
    type Output: Send;

    fn run(&self, connection: &mut Connection) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

#[derive(Default)]
pub(super) struct ReportConnection(Option<Connection>);

impl ReportConnection {
    /// Asks something. The connection may have ended meanwhile, with its server: then once more, on a new one.
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

    /// Says goodbye.
    pub(super) async fn close(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.hang_up().await;
        }
    }
}
