//! Command `authsvc verify-backup`: verifies a backup, optionally by a test restore.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use entity::maintenance_run::RunKind;

use super::error::Error;
use super::output::{Output, Piped};
use super::progress::BackupProgressBar;
use crate::backup::{self, Evidence, VerificationReport};
use crate::clock::{self, Stopwatch};
use crate::config::Config;
use crate::maintain::{self, CommandOutcome};
use crate::printable::line;
use crate::shutdown;

/// Time limit for dropping the scratch database after a signal.
const GRACE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[command(after_help = "\
Exit code 0: the file matches its metadata. 3: it does not, with all reasons.
A file without metadata (a stream of `backup --output -`, a plain dump) is checked against its own end.
With --restore, the file is also restored into a scratch database on the server of DATABASE_URL and
compared row by row. The metadata records the time. On PostgreSQL this needs CREATEDB.

Examples:
  authsvc verify-backup backups/backup_20261123_214500.sql.gz
  authsvc verify-backup --restore backups/backup_20261123_214500.sql.gz")]
pub(super) struct Arguments {
    /// Backup file, with its metadata beside it
    file: PathBuf,
    /// Verify by a test restore into a scratch database
    #[arg(long)]
    restore: bool,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let shown = Arc::new(BackupProgressBar::new(output));
    let progress: Arc<dyn backup::BackupProgress> = shown.clone();
    let watch = Stopwatch::start();
    let verdict = if arguments.restore {
        let settings = super::settings::migration(config);
        let tested = backup::test_restore(&config.database_url, &arguments.file, &settings, clock::now(), &progress);
        tokio::select! {
            verdict = tested => verdict,
            signal = shutdown::requested() => {
                let removed = backup::drop_own_scratch(&config.database_url);
                if !matches!(tokio::time::timeout(GRACE, removed).await, Ok(Ok(()))) {
                    tracing::warn!("the scratch database still exists; the next `verify-backup --restore` drops it");
                }
                maintain::record_run(&config.database_url, RunKind::Verify, watch.elapsed(), CommandOutcome::Cancelled).await;
                return Err(Error::Interrupted { signal: signal?, left: "nothing was left" });
            }
        }
    } else {
        backup::verify(&arguments.file, &progress)
    };
    shown.clear();
    if arguments.restore && !verdict.as_ref().is_err_and(backup::Error::is_unreachable) {
        let done = match &verdict {
            Ok(verdict) if verdict.valid => Ok(serde_json::json!({"filename": verdict.file})),
            Ok(verdict) => Err(verdict.reasons.join("; ")),
            Err(error) => Err(error.to_string()),
        };
        maintain::record_run(&config.database_url, RunKind::Verify, watch.elapsed(), CommandOutcome::of(done)).await;
    }
    let verdict = verdict.map_err(Error::backing_up(config))?;
    output.answer(&verdict, Piped::Text, || text(&verdict))?;
    Ok(if verdict.valid { 0 } else { 3 })
}

fn text(verdict: &VerificationReport) -> String {
    if verdict.valid {
        let proven = verdict.verified_at.map_or(String::new(), |at| {
            format!(", verified by a test restore on {}", at.format("%Y-%m-%d %H:%M:%S UTC"))
        });
        let word = match verdict.evidence {
            Evidence::LastLine => "valid, without metadata: its last line matches its rows",
            Evidence::EndOfDump => "valid, without metadata: a plain dump, complete to its end",
            Evidence::Metadata | Evidence::None => "valid",
        };
        return format!("{}: {word}{proven}\n", line(&verdict.file));
    }
    let reasons: String = verdict.reasons.iter().map(|reason| format!("  {}\n", line(reason))).collect();
    format!("{}: NOT valid\n{reasons}", line(&verdict.file))
}
