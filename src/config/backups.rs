//! Variables of scheduled backups.

use std::str::FromStr;

use super::{Error, Variables};
use crate::backup::Retention;
use crate::maintain::{Schedule, ScheduledVerification};

/// Schedule with five cron fields, or six with seconds, in UTC. Default `off`, from `AUTHSVC_BACKUP_SCHEDULE`.
pub(super) fn schedule(variables: &Variables) -> Result<Option<Schedule>, Error> {
    match variables.get("AUTHSVC_BACKUP_SCHEDULE") {
        None | Some("off") => Ok(None),
        Some(text) => read(
            "AUTHSVC_BACKUP_SCHEDULE",
            text,
            "write five fields of cron (minute, hour, day, month, weekday; UTC) like `0 3 * * *`, or `off`",
        )
        .map(Some),
    }
}

/// Retention of backups, by default `168h`, from `AUTHSVC_BACKUP_RETENTION`.
pub(super) fn retention(variables: &Variables) -> Result<Retention, Error> {
    variables.get("AUTHSVC_BACKUP_RETENTION").map_or_else(
        || Ok(Retention::default()),
        |text| read("AUTHSVC_BACKUP_RETENTION", text, "write a duration like 168h, 14d or 2w"),
    )
}

/// Verification of scheduled backups: `off`, the default, or `restore`, from `AUTHSVC_BACKUP_VERIFY`.
pub(super) fn verification(variables: &Variables) -> Result<ScheduledVerification, Error> {
    const NAME: &str = "AUTHSVC_BACKUP_VERIFY";
    match variables.get(NAME) {
        None | Some("off") => Ok(ScheduledVerification::Off),
        Some("restore") => Ok(ScheduledVerification::Restore),
        Some(other) => Err(Error::invalid(NAME, format!("`{other}` is not a way to verify"), "use off or restore")),
    }
}

fn read<T: FromStr<Err = String>>(name: &str, text: &str, hint: &str) -> Result<T, Error> {
    text.parse().map_err(|why| Error::invalid(name, format!("`{text}`: {why}"), hint))
}
