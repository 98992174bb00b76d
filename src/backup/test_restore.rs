//! Verifies a backup by a test restore into a scratch database, which is dropped afterwards.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::directory;
use super::error::Error;
use super::metadata::{self, Metadata};
use super::progress::BackupProgress;
use super::source::BackupSource;
use super::staged_load::StagedLoad;
use super::verify::{self, Examination, VerificationReport};
use crate::db::{self, Backend, Connection, DatabaseTarget, DatabaseUrl, OpenSessions, Staging};
use crate::disk;
use crate::migrate::MigrationSettings;
use crate::random;

/// Start of a scratch database's name.
const SCRATCH: &str = "authsvc_verify_";
/// Format of the time in a scratch database's name.
const TIME: &str = "%Y%m%d%H%M%S";
/// Age below which an unused scratch database is kept, because its creator may not have connected yet.
const GRACE_PERIOD: TimeDelta = TimeDelta::minutes(10);
/// Random end of the names of this process's scratch databases. The process id is not unique, because it is often 1 in
/// containers.
static PROCESS_SUFFIX: LazyLock<std::io::Result<String>> = LazyLock::new(random::id);

/// Verifies a backup as [`verify::verify`] does, then restores it into a scratch database. On PostgreSQL it is created
/// and dropped on the same server, on SQLite it is a temporary file. The restored rows are compared with the file, and
/// the time of success is recorded in the metadata.
///
/// # Errors
/// Returns an error if the path is not a regular file or no scratch database can be made. An invalid backup is not an
/// error but is reported as `valid: false`.
pub async fn test_restore(
    url: &DatabaseUrl,
    path: &Path,
    settings: &MigrationSettings,
    now: DateTime<Utc>,
    progress: &Arc<dyn BackupProgress>,
) -> Result<VerificationReport, Error> {
    let source = BackupSource::open(path)?;
    let Examination { report: verdict, content } = verify::examine(&source, path, progress);
    let (true, Some(content)) = (verdict.valid, content) else { return Ok(verdict) };
    let scratch = ScratchDatabase::make(url, now).await?;
    if let Err(error) = scratch.check_reachable().await {
        scratch.remove().await?;
        return Err(error);
    }
    let stage = StagedLoad { content: &content, source: &source, backend: url.backend(), settings, progress };
    let restored = fill(&scratch.url, stage).await;
    scratch.remove().await?;
    match restored {
        Ok(()) => {
            let metadata = verdict.metadata.map(|metadata| Metadata { verified_at: Some(now), ..metadata });
            if let Some(metadata) = &metadata {
                record(path, metadata)?;
            }
            Ok(VerificationReport { metadata, verified_at: Some(now), ..verdict })
        }
        Err(error @ (Error::Load(_) | Error::Unequal { .. } | Error::Invalid { .. } | Error::Schema(_))) => {
            Ok(VerificationReport { valid: false, reasons: vec![format!("it cannot be restored: {error}")], ..verdict })
        }
        Err(error) => Err(error),
    }
}

/// Records the time of the test restore. Nothing is written into a directory that other users can write to.
fn record(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    match directory::require_private(disk::directory_of(path)) {
        Err(error @ Error::OpenToOthers { .. }) => {
            tracing::warn!(hint = error.hint(), "the time of the test restore is not recorded: {error}");
            Ok(())
        }
        Err(error) => Err(error),
        Ok(_) => metadata::write(path, metadata),
    }
}

/// Drops the scratch database of this process that an interrupted test restore left.
///
/// # Errors
/// Returns an error if the server does not answer or refuses.
pub async fn drop_own_scratch(url: &DatabaseUrl) -> Result<(), Error> {
    if url.backend() == Backend::Sqlite {
        return Ok(());
    }
    let mut connection = Connection::open(url).await?;
    let Ok(own) = &*PROCESS_SUFFIX else { return Ok(()) };
    for left in connection.databases(SCRATCH).await?.iter().filter(|name| name.ends_with(own)) {
        connection.drop_database(left, OpenSessions::Terminate).await?;
    }
    connection.hang_up().await;
    Ok(())
}

async fn fill(url: &DatabaseUrl, stage: StagedLoad<'_>) -> Result<(), Error> {
    let mut staging = Staging::begin(url).await?;
    let staged = stage.fill(&mut staging).await;
    staging.discard().await?;
    staged.map(|_| ())
}

/// Database for one test restore.
struct ScratchDatabase {
    server: DatabaseUrl,
    url: DatabaseUrl,
    name: String,
}

impl ScratchDatabase {
    /// Creates the scratch database, and drops scratch databases that killed processes left.
    async fn make(server: &DatabaseUrl, now: DateTime<Utc>) -> Result<Self, Error> {
        let own = PROCESS_SUFFIX.as_ref().map_err(|error| std::io::Error::new(error.kind(), error.to_string()))?;
        let name = format!("{SCRATCH}{}_{own}", now.format(TIME));
        let url = match server.target() {
            DatabaseTarget::Postgres(_) => server.with_database(&name),
            DatabaseTarget::Sqlite(target) => {
                let file = target.path.file_name().unwrap_or_default().to_string_lossy();
                remove_scratch(&target.path, &format!(".{file}.{SCRATCH}")).await;
                let path = target.path.with_file_name(format!(".{file}.{name}"));
                DatabaseUrl::sqlite(path, db::SqliteMode::Create)
            }
        };
        let scratch = Self { server: server.clone(), url, name };
        if server.backend() == Backend::Postgres {
            let mut connection = Connection::open(server).await?;
            for left in connection.databases(SCRATCH).await?.iter().filter(|name| is_abandoned(name, now)) {
                // a database in use belongs to a running test restore
                if let Err(error) = connection.drop_database(left, OpenSessions::Keep).await {
                    tracing::debug!(%error, "{left} still exists");
                }
            }
            connection.create_database(&scratch.name).await.map_err(Error::Scratch)?;
            connection.hang_up().await;
        }
        Ok(scratch)
    }

    /// Checks that a connection reaches the scratch database. A pooler knows only configured databases and can connect
    /// to another one.
    async fn check_reachable(&self) -> Result<(), Error> {
        if self.server.backend() == Backend::Sqlite {
            return Ok(());
        }
        let unreachable = |why: String| Error::ScratchUnreachable { name: self.name.clone(), why };
        let mut connection = Connection::open(&self.url).await.map_err(|error| unreachable(error.to_string()))?;
        let found = connection.query("SELECT current_database()::text").await;
        connection.hang_up().await;
        let found = db::first_column(found.map_err(|error| unreachable(error.to_string()))?);
        match found.first() {
            Some(found) if *found == self.name => Ok(()),
            found => Err(unreachable(format!("the connection leads to {found:?}"))),
        }
    }

    /// Drops the scratch database. On SQLite its file was only a staging file, which is already deleted.
    async fn remove(self) -> Result<(), Error> {
        if self.server.backend() == Backend::Postgres {
            let mut connection = Connection::open(&self.server).await?;
            connection.drop_database(&self.name, OpenSessions::Terminate).await?;
            connection.hang_up().await;
        }
        Ok(())
    }
}

/// Returns true if the scratch database is older than the grace period.
fn is_abandoned(name: &str, now: DateTime<Utc>) -> bool {
    let time = name.strip_prefix(SCRATCH).and_then(|rest| rest.split('_').next());
    let made = time.and_then(|time| NaiveDateTime::parse_from_str(time, TIME).ok());
    made.is_some_and(|made| now - made.and_utc() > GRACE_PERIOD)
}

/// Removes staging files that killed processes left beside a SQLite file.
async fn remove_scratch(live: &Path, prefix: &str) {
    let directory = live.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        let scratch = name.strip_prefix('.').and_then(|name| name.strip_suffix(".restore-lock"));
        let Some(scratch) = scratch.filter(|scratch| scratch.starts_with(prefix)) else { continue };
        let url = DatabaseUrl::sqlite(live.with_file_name(scratch), db::SqliteMode::Create);
        // a locked file belongs to a running test restore
        if let Ok(left) = Staging::begin(&url).await {
            let _ = left.discard().await;
        }
    }
}
