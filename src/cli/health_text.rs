//! Health reports as text: state and actions first, figures after them.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::health::{DetailedHealthReport, HealthCheck, HealthReport, HealthStatus, PerformanceHealth};
use crate::printable::line as line_of;

/// Formats the basic report.
pub(super) fn basic(report: &HealthReport, database: &str, colours: bool) -> String {
    let (report, database) = (&harmless(report), &line_of(database));
    let mut text = head(report.status, report.timestamp, database, &report.environment, colours);
    for error in &report.errors {
        let _ = writeln!(text, "  {} {error}", mark(report.status, colours));
    }
    figures(&mut text, report);
    notes(&mut text, &report.warnings);
    text
}

/// Formats the detailed report.
pub(super) fn detailed(report: &DetailedHealthReport, database: &str, colours: bool) -> String {
    let (report, database) = (&harmless(report), &line_of(database));
    let basic = &report.basic_health;
    let mut text = head(report.overall_status, report.timestamp, database, &basic.environment, colours);
    for check in &report.checks {
        line(&mut text, check, colours);
    }
    figures(&mut text, basic);
    if basic.database.connected {
        sections(&mut text, report);
    }
    notes(&mut text, &report.warnings);
    text
}

/// Copies the report with every text reduced to one printable line, so that no text moves the cursor.
fn harmless<T: Serialize + DeserializeOwned + Clone>(report: &T) -> T {
    let clean = serde_json::to_value(report).ok().and_then(|document| serde_json::from_value(each_text(document)).ok());
    clean.unwrap_or_else(|| report.clone())
}

fn each_text(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(line_of(&text)),
        Value::Array(values) => values.into_iter().map(each_text).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, each_text(value))).collect(),
        other => other,
    }
}

fn head(status: HealthStatus, at: DateTime<Utc>, database: &str, environment: &str, colours: bool) -> String {
    let word = paint(status, &status.to_string(), colours);
    format!("{word}  {database} ({environment}), {} UTC\n", at.format("%F %T"))
}

fn line(text: &mut String, check: &HealthCheck, colours: bool) {
    let _ = writeln!(text, "  {} {:<19} {}", mark(check.status, colours), check.name, check.message);
    if !check.hint.is_empty() {
        let _ = writeln!(text, "    {:<19} → {}", "", check.hint);
    }
}

/// Mark of a status. It differs in its character and not only in its colour.
fn mark(status: HealthStatus, colours: bool) -> String {
    let sign = match status {
        HealthStatus::Healthy => "✓",
        HealthStatus::Degraded => "!",
        HealthStatus::Unhealthy => "✗",
    };
    paint(status, sign, colours)
}

fn paint(status: HealthStatus, text: &str, colours: bool) -> String {
    let code = match status {
        HealthStatus::Healthy => 32,
        HealthStatus::Degraded => 33,
        HealthStatus::Unhealthy => 31,
    };
    if colours { format!("\u{1b}[1;{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn figures(text: &mut String, report: &HealthReport) {
    let database = &report.database;
    if !database.connected {
        return;
    }
    // omit the platform and the compiler
    let version = database.version.as_deref().unwrap_or("-");
    let version = [" (", " on "].iter().fold(version, |text, end| text.split(end).next().unwrap_or_default());
    let _ = writeln!(text, "\ndatabase    {version}");
    let answer = database.response_time_ms.map_or("no answer".to_owned(), |time| format!("{time:.1} ms"));
    let (open, most) = (database.open_connections, database.max_connections);
    let _ = writeln!(text, "            {answer}, {open} of {most} connections of this program open");
    let migrations = &report.migrations;
    let drift = migrations.drift.map_or("not looked for", |drift| if drift { "yes" } else { "none" });
    let _ = writeln!(
        text,
        "migrations  {} applied, {} pending, newest {}, drift: {drift}",
        or_dash(migrations.applied),
        or_dash(migrations.pending),
        migrations.latest.as_deref().unwrap_or("-")
    );
    let _ = writeln!(text, "\n{}", performance(&report.performance));
    if !report.tables.is_empty() {
        let _ = writeln!(text, "\n{}", tables(report));
    }
}

fn performance(figures: &PerformanceHealth) -> Table {
    let percent = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.1} %"));
    let milliseconds = |time: Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.2} ms"));
    let rows = [
        (
            "sessions active / idle",
            format!("{} / {}", or_dash(figures.active_connections), or_dash(figures.idle_connections)),
        ),
        ("cache hits", percent(figures.cache_hit_ratio)),
        ("index use", percent(figures.index_usage_ratio)),
        ("deadlocks", or_dash(figures.deadlocks)),
        ("long-running queries", or_dash(figures.long_running_queries)),
        ("slow queries", or_dash(figures.slow_queries)),
        ("mean query time", milliseconds(figures.avg_query_time_ms)),
    ];
    plain(&["figure", "value"], rows.map(|(name, value)| vec![name.to_owned(), value]))
}

fn tables(report: &HealthReport) -> Table {
    let rows = report.tables.iter().map(|table| {
        let about = if table.row_count_estimated { "about " } else { "" };
        vec![
            table.name.clone(),
            table.row_count.map_or("-".to_owned(), |rows| format!("{about}{rows}")),
            table.size.clone().unwrap_or("-".to_owned()),
            moment(table.last_update),
        ]
    });
    plain(&["table", "rows", "size", "last update (UTC)"], rows)
}

fn sections(text: &mut String, report: &DetailedHealthReport) {
    let (accounts, security) = (&report.authentication_health, &report.security_health);
    let rows = [
        ("accounts", accounts.total_users),
        ("  active", accounts.active_users),
        ("  verified", accounts.verified_users),
        ("  with a password", accounts.email_users),
        ("  of a provider", accounts.oauth_users),
        ("  logged in within 7 days", accounts.recent_logins),
        ("  unverified", security.unverified_accounts),
        ("  inactive for 90 days", security.inactive_accounts),
        ("  locked", security.locked_accounts),
        ("  of development data", security.seed_accounts),
        ("refresh tokens active", accounts.active_tokens),
        ("  expired", accounts.expired_tokens),
        ("  revoked", accounts.revoked_tokens),
        ("OAuth tokens expired", accounts.expired_oauth_tokens),
        ("failed logins in 24 h", security.failed_login_attempts),
        ("suspicious activity", security.suspicious_activity),
    ];
    let _ = writeln!(
        text,
        "\n{}",
        plain(&["accounts", "count"], rows.map(|(name, count)| vec![name.to_owned(), or_dash(count)]))
    );
    let backups = &report.backups;
    let _ = writeln!(text, "\nlast backup      {}", moment(backups.last_backup));
    let _ = writeln!(text, "last proven      {}", moment(backups.last_verified));
    let _ = writeln!(text, "backup files     {}", or_dash(backups.count));
    let _ = writeln!(text, "last cleanup     {}", moment(accounts.last_cleanup));
    if let Some(slowest) = report.queries.slowest.as_ref().filter(|slowest| !slowest.is_empty()) {
        let rows = slowest.iter().map(|statement| {
            let query: String = statement.query.chars().take(70).collect();
            vec![
                query,
                statement.calls.to_string(),
                format!("{:.2}", statement.mean_ms),
                format!("{:.0}", statement.total_ms),
            ]
        });
        let _ = writeln!(text, "\n{}", plain(&["statement", "calls", "mean ms", "total ms"], rows));
    }
    if let Some(longest) = report.queries.longest.as_ref().filter(|longest| !longest.is_empty()) {
        let rows = longest.iter().map(|session| {
            let wait = session.wait.clone().unwrap_or("-".to_owned());
            let doing = format!("{} {}", session.state, session.command);
            vec![session.application.clone(), session.pid.to_string(), format!("{:.0}", session.seconds), doing, wait]
        });
        let _ = writeln!(text, "\n{}", plain(&["session", "pid", "seconds", "doing", "waits for"], rows));
    }
}

fn notes(text: &mut String, warnings: &[String]) {
    for warning in warnings {
        let _ = writeln!(text, "note: {warning}");
    }
}

/// Table without borders, with numbers aligned to the right.
fn plain(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.iter().copied());
    table.force_no_tty();
    for row in rows {
        let is_number = |text: &str| text == "-" || text.chars().next().is_some_and(|sign| sign.is_ascii_digit());
        table.add_row(row.into_iter().enumerate().map(|(at, text)| {
            let right = at > 0 && is_number(&text);
            Cell::new(text).set_alignment(if right { CellAlignment::Right } else { CellAlignment::Left })
        }));
    }
    table
}

fn or_dash<T: ToString>(figure: Option<T>) -> String {
    figure.map_or("-".to_owned(), |figure| figure.to_string())
}

fn moment(time: Option<DateTime<Utc>>) -> String {
    time.map_or("-".to_owned(), |time| time.format("%F %T").to_string())
}
