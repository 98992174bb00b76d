//! When: cron's five fields, or six with seconds before them, in UTC.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Times that come again, in UTC: no hour is there twice or not at all.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule(Cron);

impl FromStr for Schedule {
    type Err = String;

    /// Reads `0 3 * * *` or, with seconds, `30 0 3 * * *`. A pattern that never comes, such as the 30th of February, is refused.
    fn from_str(text: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| error.to_string().trim_end_matches('.').to_owned())?;
        let schedule = Self(cron);
        match schedule.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err("there is no such time".to_owned()),
        }
    }
}

impl Schedule {
    /// The first of its times after a moment.
    pub fn next_after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.find_next_occurrence(&moment, false).ok()
    }

    /// The last of its times up to a moment.
    pub fn last_until(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.find_previous_occurrence(&moment, true).ok()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({self})")
    }
}
