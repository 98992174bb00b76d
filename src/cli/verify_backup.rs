//! `authsvc verify-backup`

use std::path::PathBuf;

use super::error::Error;
use super::output::{Output, Piped};
use crate::backup::{self, Verdict};
use crate::config::Config;

#[derive(clap::Args)]
#[command(after_help = "\
Exit code 0: the file is what its metadata says. 3: it is not, with every reason.

Examples:
  authsvc verify-backup backups/backup_20261123_214500.sql.gz")]
pub(super) struct Arguments {
    /// The backup; its metadata lies beside it
    file: PathBuf,
    /// Prove it by restoring it into a scratch database
    #[arg(long)]
    restore: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    if arguments.restore {
        return Err(Error::Planned { command: "verify-backup --restore" });
    }
    let verdict = backup::verify(&arguments.file).map_err(Error::backing_up(config))?;
    output.answer(&verdict, Piped::Text, || text(&verdict))?;
    Ok(if verdict.valid { 0 } else { 3 })
}

fn text(verdict: &Verdict) -> String {
    if verdict.valid {
        return format!("{}: valid\n", verdict.file.escape_default());
    }
    let reasons: String = verdict.reasons.iter().map(|reason| format!("  {reason}\n")).collect();
    format!("{}: NOT valid\n{reasons}", verdict.file.escape_default())
}
