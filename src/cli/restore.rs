//! Command `authsvc restore`: replaces the content of the database with a backup.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use entity::maintenance_run::RunKind;

use super::error::Error;
use super::output::{Output, Piped};
use super::progress::BackupProgressBar;
use crate::backup::{self, RestoreOptions, Restored};
use crate::clock::{self, Stopwatch};
use crate::config::Config;
use crate::maintain::{self, CommandOutcome};
use crate::printable::line;
use crate::shutdown;

/// Time limit for removing the staged tables after a signal.
const GRACE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[command(after_help = "\
The file is verified first and never executed. This program's migrations create new tables beside the
live ones, and the rows are loaded into them as data. Readers get the old content until one short
swap. A safety backup is made first. Older backups are migrated. Backups of the other engine and
plain pg_dump files are accepted, too.

Exit code 3: the file is not valid. 4: it is from a newer program. The database is unchanged then.

Examples:
  authsvc restore backups/backup_20261123_214500.sql.gz
  authsvc restore --yes /mnt/legacy_manager_dump.sql.gz")]
pub(super) struct Arguments {
    /// Backup file
    file: PathBuf,
    /// Do not make a safety backup
    #[arg(long)]
    no_safety_backup: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let shown = Arc::new(BackupProgressBar::new(output));
    let progress: Arc<dyn backup::BackupProgress> = shown.clone();
    let prepared = backup::prepare(&config.database_url, &arguments.file, &progress).await;
    shown.clear();
    let prepared = prepared.map_err(Error::backing_up(config))?;
    output.confirm(&prepared.question(), arguments.yes)?;
    let request = super::settings::safety_backup(config);
    let settings = super::settings::migration(config);
    let options =
        RestoreOptions { safety_backup: Some(&request).filter(|_| !arguments.no_safety_backup), settings: &settings };
    let watch = Stopwatch::start();
    let restored = tokio::select! {
        restored = prepared.restore(&options, clock::now(), &progress) => Ok(restored),
        signal = shutdown::requested() => Err(signal?),
    };
    shown.clear();
    let restored = match restored {
        Ok(restored) => restored,
        Err(signal) => {
            let removed = backup::remove_staged(&config.database_url, &settings);
            if !matches!(tokio::time::timeout(GRACE, removed).await, Ok(Ok(()))) {
                tracing::warn!("the staged tables still exist; the next restore removes them");
            }
            maintain::record_run(&config.database_url, RunKind::Restore, watch.elapsed(), CommandOutcome::Cancelled)
                .await;
            return Err(Error::Interrupted { signal, left: "nothing was left" });
        }
    };
    maintain::record_restore(&config.database_url, watch.elapsed(), restored.as_ref()).await;
    let restored = restored.map_err(Error::backing_up(config))?;
    output.answer(&restored, Piped::Text, || text(&restored))?;
    Ok(0)
}

fn text(restored: &Restored) -> String {
    let mut text = String::new();
    for table in &restored.tables {
        let _ = writeln!(text, "{:<24} {:>10} rows", line(&table.name), table.rows);
    }
    for name in &restored.migrated {
        let _ = writeln!(text, "{}  applied to them", line(name));
    }
    if let Some(name) = &restored.safety_backup {
        let _ = writeln!(text, "safety backup: {}", line(name));
    }
    if !restored.passed_over.is_empty() {
        let _ = writeln!(text, "skipped, because no migration makes them: {}", line(&restored.passed_over.join(", ")));
    }
    if !restored.seed_accounts.is_empty() {
        let _ = writeln!(
            text,
            "accounts with the legacy manager's published password, delete them: {}",
            line(&restored.seed_accounts.join(", "))
        );
    }
    for warning in &restored.warnings {
        let _ = writeln!(text, "note: {}", line(warning));
    }
    let _ = writeln!(
        text,
        "{}: restored into {} in {} ms, swapped in within {} ms",
        line(&restored.file),
        line(&restored.database),
        restored.duration_ms,
        restored.swap_ms
    );
    text
}
