//! Replaces the content of a database with a backup's content. The database has either the old state or the new one,
//! never a mix.
//!
//! The file is read to its end and verified first. Then everything is built beside the live tables ([`Staging`]). This
//! program's migrations create the schema, up to the migration that the file names. Rows are loaded as data and never
//! as statements; then indexes are built.
//!
//! The loaded rows are read back and compared, and newer migrations are applied. One short swap puts the new tables in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::content::Content;
use super::create::{self, BackupRequest};
use super::error::{Error, shown};
use super::kept_identity::KeptIdentity;
use super::progress::{BackupEvent, BackupPhase, BackupProgress};
use super::restore_target::RestoreTarget;
use super::row_digest::TableDigest;
use super::source::BackupSource;
use super::staged_load::{self, StagedLoad};
use super::verify::{self, VerifiedFile};
use crate::clock::Stopwatch;
use crate::db::{Backend, Connection, DatabaseUrl, LiveSchema, Pool, PoolUse, Staging};
use crate::migrate::{self, MigrationSettings};

/// A verified file and a database that can be replaced with its content.
pub struct PreparedRestore {
    source: BackupSource,
    path: PathBuf,
    content: Content,
    url: DatabaseUrl,
    warnings: Vec<String>,
}

/// Options of a restore.
pub struct RestoreOptions<'a> {
    /// Request for the safety backup, which is made first unless the database is empty. `None`: no safety backup.
    pub safety_backup: Option<&'a BackupRequest>,
    /// Migration settings. Their lock timeout and patience also limit the swap.
    pub settings: &'a MigrationSettings,
}

/// Report on a finished restore.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// Path of the restored file.
    pub file: String,
    /// Time of the file's snapshot. `None` for a plain dump.
    pub created_at: Option<DateTime<Utc>>,
    /// URL of the database, without the password.
    pub database: String,
    /// Newest migration of the file's schema.
    pub migration: String,
    /// Newer migrations that were applied to the restored content.
    pub migrated: Vec<String>,
    /// Row count and digest of each table, as loaded and read back.
    pub tables: Vec<TableDigest>,
    /// Tables of a plain dump that no migration makes. They were skipped.
    pub passed_over: Vec<String>,
    /// Greatest maintenance run id in a file of another database. Health, schedules and retention count later runs
    /// only.
    #[serde(skip)]
    pub foreign_runs_to: Option<i64>,
    /// Accounts from the legacy manager's published seed data that the file contained.
    pub seed_accounts: Vec<String>,
    /// File name of the safety backup in BACKUP_DIR.
    pub safety_backup: Option<String>,
    /// Longest time that readers could have waited for the swap, in milliseconds.
    pub swap_ms: u64,
    /// Duration of the whole restore, in milliseconds.
    pub duration_ms: u64,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

/// Verifies the file and checks that the database can be replaced. Nothing is written.
///
/// # Errors
/// Returns an error if the file is damaged, foreign or newer, or if the database must not be replaced.
pub async fn prepare(
    url: &DatabaseUrl,
    path: &Path,
    progress: &Arc<dyn BackupProgress>,
) -> Result<PreparedRestore, Error> {
    let source = BackupSource::open(path)?;
    let VerifiedFile { content, warnings } = verify::verify_for_restore(&source, path, progress)?;
    refuse_costly_hashes(&content)?;
    // checked again under the lock; this check only avoids a needless question
    RestoreTarget::read(url).await?.refuse_losses(url, &content.greatest_ids()).await?;
    Ok(PreparedRestore { source, path: path.to_owned(), content, url: url.clone(), warnings })
}

/// Refuses a file with a password hash that costs more than a login may cost.
fn refuse_costly_hashes(content: &Content) -> Result<(), Error> {
    match &content.costly_hashes {
        found if found.count == 0 => Ok(()),
        found => Err(Error::CostlyHashes { count: found.count, rows: found.rows.clone() }),
    }
}

/// Removes the staged tables of an interrupted restore. Otherwise the next restore removes them.
///
/// # Errors
/// Returns an error if the database does not answer or another restore holds the lock.
pub async fn remove_staged(url: &DatabaseUrl, settings: &MigrationSettings) -> Result<(), Error> {
    if url.backend() == Backend::Sqlite {
        // the staging file was deleted when the restore's future was dropped
        return Ok(());
    }
    let pool = Pool::open(url, PoolUse::Migrate).await?;
    let removed = migrate::with_lock(&pool, settings.patience, async |_| {
        Ok::<_, Error>(Staging::begin(url).await?.discard().await?)
    });
    let removed = removed.await;
    pool.close().await;
    removed
}

impl PreparedRestore {
    /// Confirmation question that is shown before the restore.
    pub fn question(&self) -> String {
        let from = match &self.content.header {
            Some(header) => format!("the backup of {}", header.created_at.format("%Y-%m-%d %H:%M:%S UTC")),
            None => "a plain dump".to_owned(),
        };
        format!("replace the content of {} by {from} ({} rows)?", self.url, self.content.rows())
    }

    /// Restores the file into the database.
    ///
    /// # Errors
    /// Returns an error if any step fails, see [`Error`]. The database is unchanged in that case.
    pub async fn restore(
        self,
        options: &RestoreOptions<'_>,
        now: DateTime<Utc>,
        progress: &Arc<dyn BackupProgress>,
    ) -> Result<Restored, Error> {
        let watch = Stopwatch::start();
        let mut restored = match self.url.backend() {
            Backend::Postgres => {
                // the migration lock prevents schema changes and other restores meanwhile
                let pool = Pool::open(&self.url, PoolUse::Migrate).await?;
                let work = async |lock: &_| self.under_lock(Some(lock), options, now, progress).await;
                let done = migrate::with_lock(&pool, options.settings.patience, work).await;
                pool.close().await;
                done?
            }
            Backend::Sqlite => self.under_lock(None, options, now, progress).await?,
        };
        restored.duration_ms = watch.milliseconds();
        Ok(restored)
    }

    async fn under_lock(
        &self,
        lock: Option<&sea_orm::DatabaseTransaction>,
        options: &RestoreOptions<'_>,
        now: DateTime<Utc>,
        progress: &Arc<dyn BackupProgress>,
    ) -> Result<Restored, Error> {
        let live = RestoreTarget::read(&self.url).await?;
        live.refuse_losses(&self.url, &self.content.greatest_ids()).await?;
        let mut warnings = self.warnings.clone();
        warnings.extend(live.warnings());
        let safety_backup = match options.safety_backup.filter(|_| !matches!(live, RestoreTarget::Empty)) {
            Some(request) => {
                progress.event(BackupEvent::Phase(BackupPhase::SafetyBackup));
                Some(
                    create::create(&self.url, request, now, progress)
                        .await
                        .map_err(|error| Error::Safety(Box::new(error)))?,
                )
            }
            None => None,
        };
        let identity = KeptIdentity::of(&live, &self.url, now).await?;
        let live = live.schema(self.url.backend());
        let staging = Staging::begin(&self.url).await?;
        let stage = StagedLoad {
            content: &self.content,
            source: &self.source,
            backend: self.url.backend(),
            settings: options.settings,
            progress,
        };
        let done = self.fill_and_swap(staging, stage, (&live, &identity), lock, options).await;
        let (staged, swapped) = done?;
        warnings.extend(staged.notes);
        warnings.extend(swapped.warnings);
        Ok(Restored {
            file: shown(&self.path),
            created_at: self.content.header.as_ref().map(|header| header.created_at),
            database: self.url.to_string(),
            migration: self.content.schema_version.migration.clone(),
            migrated: staged.migrated.iter().map(|name| (*name).to_owned()).collect(),
            tables: staged.tables,
            passed_over: self.content.skipped_tables.clone(),
            foreign_runs_to: self.foreign_runs_to(&identity),
            seed_accounts: self.seed_accounts().await,
            safety_backup: safety_backup.map(|metadata| metadata.filename),
            swap_ms: u64::try_from(swapped.duration.as_millis()).unwrap_or(u64::MAX),
            duration_ms: 0,
            warnings,
        })
    }

    fn foreign_runs_to(&self, identity: &KeptIdentity) -> Option<i64> {
        let database_id = self.content.header.as_ref().and_then(|header| header.database_id.as_deref());
        let runs = || self.content.greatest_ids().into_iter().find(|(table, _)| table == "maintenance_runs");
        identity.is_foreign(database_id).then(runs).flatten().map(|(_, id)| id)
    }

    async fn fill_and_swap(
        &self,
        mut staging: Staging,
        stage: StagedLoad<'_>,
        (live, identity): (&LiveSchema, &KeptIdentity),
        lock: Option<&sea_orm::DatabaseTransaction>,
        options: &RestoreOptions<'_>,
    ) -> Result<(staged_load::StagedTables, crate::db::SwapReport), Error> {
        let filled = async {
            let staged = stage.fill(&mut staging).await?;
            staging.execute(identity.replacement(stage.backend)?).await?;
            if let Some(lock) = lock {
                // if the lock was lost, another migrator may be running
                migrate::still_holds(lock).await?;
            }
            stage.progress.event(BackupEvent::Phase(BackupPhase::Swapping));
            let MigrationSettings { lock_timeout, patience, .. } = options.settings;
            Ok((staged, staging.swap(live, *lock_timeout, *patience).await?))
        };
        let filled = filled.await;
        if filled.is_err()
            && let Err(error) = staging.discard().await
        {
            tracing::warn!("the staged tables still exist; the next restore removes them: {error}");
        }
        filled
    }

    /// Accounts of the legacy manager's published seed data, searched only after a plain dump.
    async fn seed_accounts(&self) -> Vec<String> {
        if self.content.header.is_some() {
            return Vec::new();
        }
        let found = async {
            let mut connection = Connection::open(&self.url).await?;
            let found = migrate::seed_accounts(&mut connection).await?;
            connection.hang_up().await;
            Ok::<_, Error>(found)
        };
        found.await.unwrap_or_default()
    }
}
