//! Command `authsvc health`: prints the basic health report of the database or of a running service.

use std::time::Duration;

use serde::Deserialize;

use super::error::Error;
use super::health_text as text;
use super::http_probe::{self, ServiceUrl};
use super::output::{Output, Piped};
use crate::config::Config;
use crate::health::{self, HealthReport, HealthStatus};

#[derive(clap::Args)]
#[command(after_help = "\
Read-only, with at most two round trips and no scan of a large table. Prints JSON if stdout is not a
terminal. Exits with 0 if healthy or degraded, with 3 if unhealthy. The AUTHSVC_HEALTH_ variables set
the thresholds, see docs/CONFIGURATION.md.

Examples:
  authsvc health                                        query the database
  authsvc health --url http://127.0.0.1:9090            request the report of a running service
  authsvc health --url http://127.0.0.1:9090/livez      check liveness, for a container")]
pub(super) struct Arguments {
    /// Query a running service at this URL instead; default path /health
    #[arg(long, value_name = "URL")]
    url: Option<ServiceUrl>,
    /// Time limit for the response of a running service
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = humantime::parse_duration, requires = "url")]
    timeout: Duration,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let Some(url) = &arguments.url else {
        let report = health::one_shot::report(&super::settings::health(config)).await;
        output.answer(&report, Piped::Json, || {
            text::basic(&report, &config.database_url.to_string(), output.stdout_colours())
        })?;
        return Ok(exit_code(report.status));
    };
    let answer = http_probe::probe(url, "/health", arguments.timeout).await?;
    let failed = |message: String| Error::Service { url: answer.url.clone(), message };
    let document: serde_json::Value = serde_json::from_slice(&answer.body)
        .map_err(|_| failed(format!("it does not answer in JSON (status {})", answer.status)))?;
    let code =
        answered(answer.status, &document).ok_or_else(|| failed("the response is not from authsvc".to_owned()))?;
    output.answer(&document, Piped::Json, || match serde_json::from_value::<HealthReport>(document.clone()) {
        Ok(report) => text::basic(&report, "a running service", output.stdout_colours()),
        Err(_) => format!("{document:#}\n"),
    })?;
    Ok(code)
}

/// Exit code for a response. `None` if a successful response names no state, so that another server at the address does
/// not count as healthy.
fn answered(status: u16, document: &serde_json::Value) -> Option<u8> {
    let told = ["overall_status", "status", "state"].iter().find_map(|key| document.get(key));
    let verdict = told.and_then(|told| HealthStatus::deserialize(told).ok());
    match (status, verdict) {
        (_, Some(verdict)) => Some(exit_code(verdict)),
        // `/livez` and `/readyz` use other words for their state
        (200, None) => told.and_then(serde_json::Value::as_str).map(|_| 0),
        (_, None) => Some(exit_code(HealthStatus::Unhealthy)),
    }
}

pub(super) fn exit_code(status: HealthStatus) -> u8 {
    if status == HealthStatus::Unhealthy { 3 } else { 0 }
}
