//! Reports of a command: made once, on a connection of their own.

use super::basic::{self, Basic};
use super::detailed;
use super::report::{Detailed, Report};
use super::seat::Seat;
use super::settings::Settings;
use super::survey::{QuickCheck, Reach, Scope, Survey};
use crate::db::{Connection, Error};
use crate::migrate::{self, Catalogue};

/// The basic report. The schema is read at the same time on a connection of its own, and first: it takes longer than all the rest.
pub async fn report(settings: &Settings) -> Report {
    let mut seat = Seat::default();
    let (live, asked) = tokio::join!(catalogue(settings), basic::ask(settings, &mut seat));
    let mut survey = Survey { no_statements: Some(NO_STATEMENTS.to_owned()), ..Survey::default() };
    let mut missing = None;
    match (live, &asked) {
        (Ok(live), Ok(answer)) => {
            survey.drift = Some(migrate::drift_of(&live, &answer.state, settings.url.backend()));
        }
        (Err(error), Ok(_)) => missing = Some(format!("drift: {error}")),
        (_, Err(_)) => {}
    }
    let mut report = basic::tell(settings, &asked, None, Some(&survey)).report;
    report.warnings.extend(missing);
    seat.leave().await;
    report
}

const NO_STATEMENTS: &str = "`authsvc detailed-health` reads pg_stat_statements, which takes longer than all the rest";

async fn catalogue(settings: &Settings) -> Result<Catalogue, Error> {
    let look = async {
        let mut connection = Connection::open(&settings.url).await?;
        let live = migrate::read_catalogue(&mut connection).await;
        connection.leave().await;
        live
    };
    tokio::time::timeout(basic::DEADLINE, look).await.unwrap_or_else(|_| Err(Error::late(basic::DEADLINE)))
}

/// The detailed report. Its basic part is told after the survey, whose figures are in it.
pub async fn detailed(settings: &Settings, quick_check: QuickCheck) -> Detailed {
    let mut seat = Seat::default();
    let asked = basic::ask(settings, &mut seat).await;
    let basic = basic::tell(settings, &asked, None, None);
    let scope = Scope { database: basic.reach(), database_time: basic.database_time, before: None, quick_check };
    let survey = Survey::make(settings, &mut seat, scope).await;
    seat.leave().await;
    let own = detailed::OwnState::default();
    detailed::assemble(&basic::tell(settings, &asked, None, Some(&survey)), &survey, settings, own)
}

impl Basic {
    /// How far the database can be looked at.
    pub(super) fn reach(&self) -> Reach {
        match (self.report.database.connected, self.is_current) {
            (false, _) => Reach::Gone,
            (true, false) => Reach::Reachable,
            (true, true) => Reach::Current,
        }
    }
}
