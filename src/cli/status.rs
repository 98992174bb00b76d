//! Command `authsvc status`: prints all migrations and the drift of the schema.

use std::fmt::Write as _;

use comfy_table::{Cell, Color, Table, presets};

use super::error::Error;
use super::output::{Output, Piped};
use crate::config::Config;
use crate::migrate::{self, ChecksumState, MigrationLine, MigrationStatus};
use crate::printable::{self, line};

#[derive(clap::Args)]
#[command(after_help = "\
Read-only. Prints JSON if stdout is not a terminal.

Examples:
  authsvc status                   show every migration, and drift
  authsvc status --check           exit with 3 if anything is pending, changed or drifted")]
pub(super) struct Arguments {
    /// Exit with 3 if a migration is pending or changed, or the schema has drifted
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let status = migrate::status(&config.database_url).await.map_err(Error::migrating(config))?;
    output.answer(&status, Piped::Json, || text(&status, output.stdout_colours()))?;
    Ok(if arguments.check && !status.is_clean() { 3 } else { 0 })
}

fn text(status: &MigrationStatus, colours: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["migration", "state", "applied at (UTC)", "took", "checksum"]);
    if !colours {
        table.force_no_tty();
    }
    for migration in &status.migrations {
        table.add_row(row(migration));
    }
    let mut text = format!("{}\n{table}\n", line(&status.database));
    for difference in &status.drift {
        let _ = writeln!(text, "drift: {}", line(&difference.to_string()));
    }
    let _ = writeln!(text, "{}", conclusion(status));
    text
}

fn row(line: &MigrationLine) -> Vec<Cell> {
    let state = match line.state {
        "applied" => Cell::new(line.origin.map_or("applied", migrate_origin)).fg(Color::Green),
        other => Cell::new(other).fg(Color::Yellow),
    };
    let checksum = match line.checksum {
        ChecksumState::Ok => Cell::new("ok").fg(Color::Green),
        ChecksumState::Changed => Cell::new("CHANGED").fg(Color::Red),
        ChecksumState::Unknown => Cell::new("unknown to this program").fg(Color::Red),
        ChecksumState::None => Cell::new("-"),
    };
    let applied_at = line.applied_at.map_or("-".to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string());
    let took = line.duration_ms.map_or("-".to_owned(), |duration| format!("{duration} ms"));
    vec![Cell::new(printable::line(&line.name)), state, Cell::new(applied_at), Cell::new(took), checksum]
}

fn migrate_origin(origin: migrate::RecordKind) -> &'static str {
    match origin {
        migrate::RecordKind::Applied => "applied",
        migrate::RecordKind::Adopted => "adopted",
        migrate::RecordKind::Baseline => "baseline",
    }
}

/// Summary of the state, with the next action.
fn conclusion(status: &MigrationStatus) -> String {
    use migrate::HistoryState;
    match status.state {
        HistoryState::UpToDate => format!("up to date: {} applied, none pending, no drift", status.applied),
        HistoryState::Pending => format!("{} pending: run `authsvc migrate`", status.pending),
        HistoryState::Empty => "the database is empty: run `authsvc migrate`".to_owned(),
        HistoryState::EarlierManager => "a database of the legacy manager: run `authsvc migrate --adopt`".to_owned(),
        HistoryState::NoHistory => "tables without history: see `authsvc migrate --baseline`".to_owned(),
        HistoryState::Newer => "the database is newer than this program: deploy the newer one".to_owned(),
        HistoryState::Changed => "applied migrations were changed: put their files back".to_owned(),
        HistoryState::Drifted => format!(
            "{} pending, and the schema differs in {} places from what the migrations make",
            status.pending,
            status.drift.len()
        ),
    }
}
