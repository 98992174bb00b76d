//! Replaces the content of a database by that of a file: the old state or the new one, never between.
//!
//! The file is read to its end and proven first. Then everything is built beside the live tables ([`Staging`]): the schema
//! by the migrations in this program, up to the one that the file names; the rows, as data and never as statements; the
//! indexes. What was loaded is read back and compared, newer migrations are applied, and one short swap puts it in place.

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

/// A file that was proven, and a database that can take its content.
pub struct PreparedRestore {
    source: BackupSource,
    path: PathBuf,
    content: Content,
    url: DatabaseUrl,
    warnings: Vec<String>,
}

/// How to restore.
pub struct RestoreOptions<'a> {
    /// The backup that is taken first, unless there is nothing to lose.
    pub safety_backup: Option<&'a BackupRequest>,
    /// How migrations behave; their lock timeout and patience are those of the swap, too.
    pub settings: &'a MigrationSettings,
}

/// What a restore did.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// The file.
    pub file: String,
    /// When its snapshot was taken; a plain dump does not tell.
    pub created_at: Option<DateTime<Utc>>,
    /// The database, without its password.
    pub database: String,
    /// The migration that the file is of.
    pub migration: String,
    /// Newer migrations that were applied to its content.
    pub migrated: Vec<String>,
    /// Rows and digest of each table, as loaded and read back.
    pub tables: Vec<TableDigest>,
    /// Tables of a plain dump that are none of this program's, and were passed over.
    pub passed_over: Vec<String>,
    /// The greatest id of a run that came with a file of another database: health, schedules and retention count later ones only.
    #[serde(skip)]
    pub foreign_runs_to: Option<i64>,
    /// Accounts of the earlier manager's published seed data that came with it.
    pub seed_accounts: Vec<String>,
    /// The backup of what was replaced, in BACKUP_DIR.
    pub safety_backup: Option<String>,
    /// How long readers could have to wait.
    pub swap_ms: u64,
    /// How long all of it took.
    pub duration_ms: u64,
    /// What is worth knowing.
    pub warnings: Vec<String>,
}

/// Proves the file, and looks whether the database can take it. Nothing is written.
///
/// # Errors
/// A file that is damaged, foreign or newer, or a database that must not be replaced.
pub async fn prepare(
    url: &DatabaseUrl,
    path: &Path,
    progress: &Arc<dyn BackupProgress>,
) -> Result<PreparedRestore, Error> {
    let source = BackupSource::open(path)?;
    let VerifiedFile { content, warnings } = verify::verify_for_restore(&source, path, progress)?;
    refuse_costly_hashes(&content)?;
    // asked again under the lock; here it only spares the question
    RestoreTarget::read(url).await?.refuse_losses(url, &content.greatest_ids()).await?;
    Ok(PreparedRestore { source, path: path.to_owned(), content, url: url.clone(), warnings })
}

/// Refuses a file with a password hash that would cost more than a login may take.
fn refuse_costly_hashes(content: &Content) -> Result<(), Error> {
    match &content.costly_hashes {
        found if found.count == 0 => Ok(()),
        found => Err(Error::CostlyHashes { count: found.count, rows: found.rows.clone() }),
    }
}

/// Removes what an interrupted restore has staged. Without this the next restore does it.
///
/// # Errors
/// The database does not answer, or another restore is at work by now.
pub async fn remove_staged(url: &DatabaseUrl, settings: &MigrationSettings) -> Result<(), Error> {
    if url.backend() == Backend::Sqlite {
        // the file has gone with the future that filled it
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
    /// What would be done, for the question to people.
    pub fn question(&self) -> String {
        let from = match &self.content.header {
            Some(header) => format!("the backup of {}", header.created_at.format("%Y-%m-%d %H:%M:%S UTC")),
            None => "a plain dump".to_owned(),
        };
        format!("replace the content of {} by {from} ({} rows)?", self.url, self.content.rows())
    }

    /// Restores.
    ///
    /// # Errors
    /// Every reason of [`Error`]; the database is as it was.
    pub async fn restore(
        self,
        options: &RestoreOptions<'_>,
        now: DateTime<Utc>,
        progress: &Arc<dyn BackupProgress>,
    ) -> Result<Restored, Error> {
        let watch = Stopwatch::start();
        let mut restored = match self.url.backend() {
            Backend::Postgres => {
                // the lock of the migrators: nobody changes the schema, or restores, meanwhile
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
                // without it another migrator may be at work by now
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
            tracing::warn!("what was staged is left behind, the next restore removes it: {error}");
        }
        filled
    }

    /// The earlier manager's published accounts, if the file may hold them.
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
