//! Reports of a command: made once, each on its own connections.

use super::basic;
use super::basic_figures::BasicReading;
use super::detailed;
use super::extended::{ExtendedFigures, ExtendedScope, QuickCheck, SchemaState};
use super::report::{DetailedHealthReport, HealthReport};
use super::report_connection::ReportConnection;
use super::settings::HealthSettings;
use super::statements::StatementFigures;
use crate::db::{Connection, Error};
use crate::migrate::{self, Catalogue};

/// Makes the basic report. A second connection reads the schema at the same time, because that takes longest.
pub async fn report(settings: &HealthSettings) -> HealthReport {
    let mut connection = ReportConnection::default();
    let (live, asked) = tokio::join!(catalogue(settings), basic::fetch(settings, &mut connection));
    let statements = StatementFigures { missing: Some(NO_STATEMENTS.to_owned()), ..StatementFigures::default() };
    let mut extended = ExtendedFigures { statements, ..ExtendedFigures::default() };
    let mut missing = None;
    match (live, &asked) {
        (Ok(live), Ok(answer)) => {
            extended.drift = Some(migrate::drift_of(&live, &answer.state, settings.url.backend()));
        }
        (Err(error), Ok(_)) => missing = Some(format!("drift: {error}")),
        (_, Err(_)) => {}
    }
    let mut report = basic::build(settings, &asked, None, Some(&extended)).report;
    report.warnings.extend(missing);
    connection.close().await;
    report
}

const NO_STATEMENTS: &str =
    "`authsvc detailed-health` reads pg_stat_statements, which takes longer than the whole basic report";

async fn catalogue(settings: &HealthSettings) -> Result<Catalogue, Error> {
    let look = async {
        let mut connection = Connection::open(&settings.url).await?;
        let live = migrate::read_catalogue(&mut connection).await;
        connection.hang_up().await;
        live
    };
    tokio::time::timeout(basic::DEADLINE, look).await.unwrap_or_else(|_| Err(Error::timed_out(basic::DEADLINE)))
}

/// Makes the detailed report. Its basic part is built last, because it contains some extended figures.
pub async fn detailed(settings: &HealthSettings, quick_check: QuickCheck) -> DetailedHealthReport {
    let mut connection = ReportConnection::default();
    let asked = basic::fetch(settings, &mut connection).await;
    let basic = basic::build(settings, &asked, None, None);
    let scope = ExtendedScope {
        schema_state: basic.schema_state(),
        database_time: basic.database_time,
        before: None,
        quick_check,
    };
    let extended = ExtendedFigures::fetch(settings, &mut connection, scope).await;
    connection.close().await;
    let own = detailed::OwnState::default();
    detailed::assemble(&basic::build(settings, &asked, None, Some(&extended)), &extended, settings, own)
}

impl BasicReading {
    /// State of the schema, which decides how much can be queried.
    pub(super) fn schema_state(&self) -> SchemaState {
        match (self.report.database.connected, self.is_current) {
            (false, _) => SchemaState::Unreachable,
            (true, false) => SchemaState::Other,
            (true, true) => SchemaState::Current,
        }
    }
}
