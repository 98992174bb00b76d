//! Command `authsvc detailed-health`: prints the detailed health report, once or repeatedly.

use std::time::Duration;

use super::error::Error;
use super::health::exit_code;
use super::health_text as text;
use super::output::{Output, Piped};
use super::usage_error::UsageError;
use crate::config::Config;
use crate::health::{self, QuickCheck};
use crate::shutdown;

/// Shortest time between two reports.
const SHORTEST: Duration = Duration::from_millis(50);

#[derive(clap::Args)]
#[command(after_help = "\
Read-only. Counting accounts and tokens scans their tables. Prints JSON if stdout is not a terminal.
With --watch it prints one report after the other, at least 50ms apart. Exits with 0 if healthy or
degraded, with 3 if unhealthy. The AUTHSVC_HEALTH_ variables set the thresholds, see
docs/CONFIGURATION.md.

Examples:
  authsvc detailed-health                  print every check, with a hint
  authsvc detailed-health --watch          repeat every two seconds, until Ctrl-C
  authsvc detailed-health --watch 10s
  authsvc detailed-health --quick-check    let SQLite check its file, which reads the whole file")]
pub(super) struct Arguments {
    /// Repeat the report after this time
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "2s", value_parser = pause)]
    watch: Option<Duration>,
    /// Let SQLite check its file
    #[arg(long, conflicts_with = "watch")]
    quick_check: bool,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let quick_check = match (arguments.quick_check, config.database_url.backend()) {
        (false, _) => QuickCheck::No,
        (true, crate::db::Backend::Sqlite) => QuickCheck::Yes,
        (true, crate::db::Backend::Postgres) => {
            return Err(UsageError::QuickCheckOnPostgres.into());
        }
    };
    let settings = super::settings::health(config);
    let name = config.database_url.to_string();
    let Some(pause) = arguments.watch else {
        let report = health::one_shot::detailed(&settings, quick_check).await;
        output.answer(&report, Piped::Json, || text::detailed(&report, &name, output.stdout_colours()))?;
        return Ok(exit_code(report.overall_status));
    };
    let stop = shutdown::requested();
    tokio::pin!(stop);
    loop {
        let report = tokio::select! {
            signal = &mut stop => return signal.map(|_| 0).map_err(Error::from),
            report = health::one_shot::detailed(&settings, quick_check) => report,
        };
        if !output.redraw(&report, || text::detailed(&report, &name, output.stdout_colours()))? {
            return Ok(0);
        }
        tokio::select! {
            signal = &mut stop => return signal.map(|_| 0).map_err(Error::from),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Parses the time between two reports. The lower limit leaves the database time for other work.
fn pause(text: &str) -> Result<Duration, String> {
    let pause = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if pause < SHORTEST {
        return Err(format!("it is shorter than {}", humantime::format_duration(SHORTEST)));
    }
    Ok(pause)
}
