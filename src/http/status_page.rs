//! Status page for operators: the detailed report as one HTML document without other files.
//!
//! Rust prepares every text, and the template in `templates/` only places it. All texts are escaped, because names of
//! backups, errors and queries come from outside. The page loads nothing: style and script are inline and allowed by
//! their hash. It works without the script, which only reloads it. To add a figure, add a field to the report and a
//! line in `tiles`, `tables` or `facts`.

mod backups;
mod facts;
mod figure;
mod findings;
mod format;
mod sparkline;
mod tables;
mod ticket;
mod tiles;

use std::sync::LazyLock;

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use sha2::{Digest, Sha256};

use self::figure::{Figure, Reasons};
use self::findings::{Finding, Since, Strip, TextPiece};
use self::tiles::{Tile, TileHistory};
use super::problem::Problem;
use super::readiness::BootStage;
use crate::health::{DetailedHealthReport, HealthCheck, HealthSample, HealthStatus};

const STYLE: &str = include_str!("templates/status.css");
const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("AUTHSVC_COMMIT"));
const SCRIPT: &str = include_str!("templates/status.js");

/// Content security policy: only the inline style and script of this page, and a request for the page itself.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let [style, script] = [STYLE, SCRIPT].map(|text| STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// Returns the status page with its headers. The status is 200 in every state of the service. Probes use `/readyz` and
/// `/health`.
pub fn response(detailed: &DetailedHealthReport, samples: &[HealthSample], stage: &BootStage) -> Response {
    let html = match render(detailed, samples, stage) {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "the status page cannot be rendered");
            return Problem::internal().into_response();
        }
    };
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, html).into_response()
}

/// Renders the status page as HTML.
///
/// # Errors
/// Returns an error if the template fails, which has no known cause.
pub fn render(
    detailed: &DetailedHealthReport,
    samples: &[HealthSample],
    stage: &BootStage,
) -> Result<String, askama::Error> {
    Page::new(detailed, samples, stage).render()
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    build: &'static str,
    environment: &'a str,
    status: HealthStatus,
    word: &'static str,
    /// Boot stage of the process; `None` if it serves requests.
    stage: Option<&'a BootStage>,
    summary: String,
    since: Option<Since>,
    /// Time of the report in two forms, for machines and for people.
    made: [String; 2],
    findings: Vec<Finding<'a>>,
    /// Head of the page as plain text.
    ticket: String,
    strip: Option<Strip>,
    tiles: Vec<Tile>,
    tables: Vec<tables::TableRow<'a>>,
    no_tables: Figure<()>,
    groups: [tables::StateGroup; 3],
    backups: backups::BackupSection<'a>,
    no_backups: Figure<()>,
    slowest: Figure<Vec<tables::StatementRow<'a>>>,
    longest: Figure<Vec<tables::SessionRow<'a>>>,
    indexes: [facts::IndexRow<'a>; 3],
    facts: Vec<facts::FactGroup>,
    runs: Vec<tables::RunRow<'a>>,
    no_runs: Figure<()>,
    checks: &'a [HealthCheck],
    reasons: Reasons,
}

impl<'a> Page<'a> {
    fn new(detailed: &'a DetailedHealthReport, samples: &[HealthSample], stage: &'a BootStage) -> Self {
        let (now, status) = (detailed.timestamp, detailed.overall_status);
        let reasons = Reasons::new(detailed);
        let findings = findings::findings(detailed);
        let summary = findings::summary(detailed, &findings);
        let made = now.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        Self {
            style: STYLE,
            script: SCRIPT,
            build: BUILD,
            environment: &detailed.basic_health.environment,
            status,
            word: findings::word(status),
            stage: (!stage.is_ready()).then_some(stage),
            ticket: ticket::ticket(detailed, stage, [BUILD, &made, &summary]),
            summary,
            since: findings::since(now, status, samples),
            made: [now.to_rfc3339_opts(SecondsFormat::Secs, true), made],
            findings,
            strip: Strip::new(now, samples),
            tiles: tiles::tiles(detailed, samples, &reasons),
            tables: tables::by_size(detailed, &reasons),
            no_tables: reasons.nothing("tables"),
            groups: tables::accounts(detailed, &reasons),
            backups: backups::BackupSection::new(detailed),
            no_backups: reasons.figure("last_backup", detailed.backups.count.map(|_| ())),
            slowest: tables::slowest(detailed, &reasons),
            longest: tables::longest(detailed, &reasons),
            indexes: facts::indexes(detailed, &reasons),
            facts: facts::facts(detailed, &reasons),
            runs: tables::runs(detailed),
            no_runs: reasons.nothing("last_runs"),
            checks: &detailed.checks,
            reasons,
        }
    }
}
