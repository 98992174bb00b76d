//! Schedule in cron syntax: five fields, or six with seconds first, in UTC.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Recurring times in UTC. Because UTC has no summer time, no time is skipped or doubled.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule(Cron);

impl FromStr for Schedule {
    type Err = String;

    /// Parses `0 3 * * *` or, with seconds, `30 0 3 * * *`. A pattern that never occurs, such as 30 February, is
    /// refused.
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
    /// First scheduled time after a moment.
    pub fn next_after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.find_next_occurrence(&moment, false).ok()
    }

    /// Last scheduled time up to a moment.
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
