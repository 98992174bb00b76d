//! Command `authsvc backup`: makes a backup in BACKUP_DIR, in a given file or on stdout.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use entity::maintenance_run::RunKind;

use super::error::Error;
use super::output::{Output, Piped};
use super::progress::BackupProgressBar;
use super::usage_error::UsageError;
use crate::backup::{self, BackupDestination, BackupRequest, Metadata};
use crate::clock::{self, Stopwatch};
use crate::config::Config;
use crate::maintain::{self, CommandOutcome};
use crate::printable::line;
use crate::shutdown;

#[derive(clap::Args)]
#[command(after_help = "\
The file holds schema and rows as plain SQL, from one snapshot. To restore it without this program:
  gunzip -c FILE | psql -X -v ON_ERROR_STOP=1 -d EMPTY_DATABASE
  gunzip -c FILE | sqlite3 -bail NEW.db

Examples:
  authsvc backup                           write a new file and its .meta to BACKUP_DIR
  authsvc backup --output /mnt/today.sql.gz
  authsvc backup --output - | age -r KEY > backup.sql.gz.age")]
pub(super) struct Arguments {
    /// Write plain SQL
    #[arg(long)]
    no_compress: bool,
    /// Do not read the file back
    #[arg(long)]
    no_validate: bool,
    /// Write to this path instead, which must not exist; `-` is stdout
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let target = match &arguments.output {
        None => BackupDestination::Directory(config.backup_dir.clone()),
        Some(path) if path.as_os_str() == "-" => BackupDestination::Stdout,
        // a dangling link counts as existing, too
        Some(path) if path.symlink_metadata().is_ok() => {
            return Err(UsageError::FileExists(path.clone()).into());
        }
        Some(path) => BackupDestination::File(path.clone()),
    };
    if target == BackupDestination::Stdout && output.is_json() {
        return Err(UsageError::StdoutTwice.into());
    }
    let request = BackupRequest {
        target: target.clone(),
        compressed: !arguments.no_compress,
        validated: !arguments.no_validate,
        app_version: super::settings::app_version(),
        environment: config.environment.to_string(),
    };
    let shown = Arc::new(BackupProgressBar::new(output));
    let progress: Arc<dyn backup::BackupProgress> = shown.clone();
    let watch = Stopwatch::start();
    let making = backup::create(&config.database_url, &request, clock::now(), &progress);
    let made = tokio::select! {
        made = making => Ok(made),
        signal = shutdown::requested() => Err(signal?),
    };
    shown.clear();
    // a stream is not recorded, because its further fate is unknown
    if target != BackupDestination::Stdout {
        record(config, &target, watch.elapsed(), made.as_ref()).await;
    }
    let made = made.map_err(|signal| Error::Interrupted { signal, left: "nothing was left" })?;
    let metadata = made.map_err(Error::backing_up(config))?;
    for name in &metadata.not_included {
        tracing::warn!("not in the backup, because no migration makes it: {name}");
    }
    if target != BackupDestination::Stdout {
        output.answer(&metadata, Piped::Text, || text(&metadata))?;
    }
    Ok(0)
}

async fn record(
    config: &Config,
    target: &BackupDestination,
    took: Duration,
    made: Result<&Result<Metadata, backup::Error>, &&'static str>,
) {
    let directory = if let BackupDestination::Directory(directory) = target { Some(directory.as_path()) } else { None };
    match made {
        Ok(made) => maintain::record_backup(&config.database_url, took, made.as_ref(), directory).await,
        Err(_) => maintain::record_run(&config.database_url, RunKind::Backup, took, CommandOutcome::Cancelled).await,
    }
}

fn text(metadata: &Metadata) -> String {
    let mut text = String::new();
    for table in &metadata.tables {
        let _ = writeln!(text, "{:<24} {:>10} rows", line(&table.name), table.rows);
    }
    let validated = if metadata.validated { "read back and compared" } else { "not validated" };
    let _ = writeln!(
        text,
        "{}: {}, {} of SQL, in {} ms, {validated}",
        line(&metadata.filename),
        ByteSize(metadata.size).display().iec_short(),
        ByteSize(metadata.uncompressed_size).display().iec_short(),
        metadata.duration_ms
    );
    text
}
