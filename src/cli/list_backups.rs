//! Command `authsvc list-backups`: lists the backups of BACKUP_DIR.

use bytesize::ByteSize;
use comfy_table::{Cell, CellAlignment, Table, presets};

use super::error::Error;
use super::output::{Output, Piped};
use crate::backup::{self, BackupEntry, DirectoryState, MetadataState};
use crate::clock;
use crate::config::Config;
use crate::printable::line;

#[derive(clap::Args)]
#[command(after_help = "\
Reads the metadata beside each file. `authsvc verify-backup FILE` reads the file itself.
Prints JSON if stdout is not a terminal.

Examples:
  authsvc list-backups
  authsvc list-backups --json | jq -r '.[0].name'      print the newest")]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let entries = backup::list(&config.backup_dir, clock::now()).map_err(Error::backing_up(config))?;
    if let DirectoryState::OpenToOthers(mode) =
        backup::directory_state(&config.backup_dir).unwrap_or(DirectoryState::Missing)
    {
        let directory = config.backup_dir.display();
        tracing::warn!("{directory} has mode {mode:04o}: other users can write there; run: chmod go-w '{directory}'");
    }
    output.answer(&entries, Piped::Json, || text(&entries, config))?;
    Ok(0)
}

fn text(entries: &[BackupEntry], config: &Config) -> String {
    if entries.is_empty() {
        return format!("no backups in {}\n", line(&config.backup_dir.to_string_lossy()));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "name",
        "created (UTC)",
        "size",
        "rows",
        "validated",
        "migration",
        "database",
    ]);
    for entry in entries {
        table.add_row(row(entry));
    }
    format!("{table}\n")
}

fn row(entry: &BackupEntry) -> Vec<Cell> {
    let or_dash = |text: Option<String>| Cell::new(text.map_or_else(|| "-".to_owned(), |text| line(&text)));
    let validated = match &entry.state {
        MetadataState::Ok if entry.in_future => "FROM THE FUTURE: a clock was wrong".to_owned(),
        MetadataState::Ok if entry.verified_at.is_some() => "yes, and restored".to_owned(),
        MetadataState::Ok if entry.validated => "yes".to_owned(),
        MetadataState::Ok => "no".to_owned(),
        MetadataState::NoMetadata => "NO METADATA".to_owned(),
        MetadataState::WrongMetadata(reason) => format!("WRONG METADATA: {}", line(reason)),
    };
    let version = entry.version.as_deref().map(|version| version.split(" (").next().unwrap_or_default().to_owned());
    vec![
        Cell::new(line(&entry.name)),
        or_dash(entry.created_at.map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string())),
        Cell::new(ByteSize(entry.size).display().iec_short()).set_alignment(CellAlignment::Right),
        or_dash(entry.rows.map(|rows| rows.to_string())).set_alignment(CellAlignment::Right),
        Cell::new(validated),
        or_dash(entry.migration.clone()),
        or_dash(version),
    ]
}
