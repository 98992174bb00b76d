//! Staging on SQLite: a file beside the live one, loaded without a journal, because it is thrown away after a crash.
//!
//! The swap copies its pages into the live file in one transaction, so that programs that have it open see the old
//! content until then and the new one after. Where the live file has tables of somebody else's, only ours are replaced.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, params_from_iter};
use sea_orm::{DatabaseTransaction, TransactionTrait};
use tokio::sync::mpsc::Receiver;

use super::{Block, LoadError, Loaded, Parse, Swapped};
use crate::clock::Stopwatch;
use crate::db::dialect::Export;
use crate::db::snapshot::sqlite::read_all;
use crate::db::{Backend, DatabaseUrl, Error, Kind, Pool, PoolUse, Sink, SqliteMode};

/// What SQLite keeps beside a file: with it the file is read, whosever it is.
const LOGS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// A file that is being filled.
pub struct SqliteStaging {
    live: PathBuf,
    path: PathBuf,
    lock: Lock,
    later: Vec<String>,
}

impl SqliteStaging {
    /// An empty file, in place of what an interrupted restore left.
    pub(super) fn begin(live: &Path) -> Result<Self, Error> {
        let name = live.file_name().unwrap_or_default().to_string_lossy();
        let path = live.with_file_name(format!(".{name}.restore"));
        let lock = Lock::take(live.with_file_name(format!(".{name}.restore-lock")))?;
        let staging = Self { live: live.to_owned(), path, lock, later: Vec::new() };
        staging.remove();
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&staging.path)
            .map_err(cannot(&staging.path))?;
        staging.take_page_size()?;
        Ok(staging)
    }

    /// Pages can only be copied into a file whose pages are as large.
    fn take_page_size(&self) -> Result<(), Error> {
        let size = open(&self.live, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|live| Ok(live.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?));
        if let Ok(size) = size.as_ref().copied().map_err(|_| ()) {
            self.open()?.execute_batch(&format!("PRAGMA page_size = {size}; CREATE TABLE t (a); DROP TABLE t"))?;
        }
        Ok(())
    }

    pub(super) async fn begin_migration(&self) -> Result<(Pool, DatabaseTransaction), Error> {
        let url = DatabaseUrl::sqlite(&self.path, SqliteMode::ReadWrite);
        let pool = Pool::open(&url, PoolUse::Migrate).await?;
        let transaction = pool.orm().begin().await?;
        Ok((pool, transaction))
    }

    pub(super) async fn strip(&mut self, tables: Vec<String>) -> Result<(), Error> {
        let connection = self.open()?;
        let mut found = connection.prepare(
            "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL",
        )?;
        let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let objects: Vec<(String, String, String)> = rows.collect::<Result<_, _>>()?;
        let mut sql = String::from("BEGIN;");
        for (kind, name, _) in &objects {
            sql.push_str(&format!("DROP {kind} \"{name}\";"));
        }
        tables.iter().for_each(|table| sql.push_str(&format!("DELETE FROM \"{table}\";")));
        sql.push_str("COMMIT");
        connection.execute_batch(&sql)?;
        self.later = objects.into_iter().map(|(_, _, sql)| sql).collect();
        Ok(())
    }

    /// Inserts rows in a thread of its own.
    pub(super) async fn load(
        &self,
        loaded: Vec<Loaded>,
        blocks: Receiver<Block>,
        parse: Parse,
    ) -> Result<(), LoadError> {
        let connection = self.open().map_err(LoadError::anywhere)?;
        let inserted = tokio::task::spawn_blocking(move || insert(&connection, &loaded, blocks, parse)).await;
        inserted.map_err(|error| LoadError::anywhere(Error::new(Kind::Refused, error.to_string())))?
    }

    pub(super) async fn execute(&self, sql: String) -> Result<(), Error> {
        Ok(self.open()?.execute_batch(&sql)?)
    }

    pub(super) async fn read_back(&self, loaded: &Loaded, sink: &impl Sink) -> Result<(), Error> {
        let connection = Arc::new(Mutex::new(self.open()?));
        read_all(&connection, Export::of(&loaded.table, &loaded.columns), sink).await.map(|_| ())
    }

    pub(super) async fn build(&self) -> Result<(), Error> {
        let sql = format!("BEGIN;{};COMMIT", self.later.join(";"));
        let connection = self.open()?;
        let built = tokio::task::spawn_blocking(move || -> Result<(), Error> {
            connection.execute_batch(&sql)?;
            let mut check = connection.prepare("PRAGMA foreign_key_check")?;
            let first = check.query_map([], |row| Ok((row.get(0)?, row.get(2)?)))?.next().transpose()?;
            let Some((child, parent)): Option<(String, String)> = first else { return Ok(()) };
            Err(Error::new(Kind::Refused, format!("rows of `{child}` point to rows of `{parent}` that are not there")))
        });
        built.await.map_err(|error| Error::new(Kind::Refused, error.to_string()))?
    }

    pub(super) async fn swap(&self, tables: Vec<String>, patience: Duration) -> Result<Swapped, Error> {
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(cannot(&self.path))?;
        let (live, path) = (self.live.clone(), self.path.clone());
        let swapped = tokio::task::spawn_blocking(move || swap(&live, &path, &tables, patience));
        swapped.await.map_err(|error| Error::new(Kind::Refused, error.to_string()))?
    }

    pub(super) fn discard(self) -> Result<(), Error> {
        self.remove();
        Ok(())
    }

    fn remove(&self) {
        for ending in LOGS.iter().chain(&[""]) {
            let _ = fs::remove_file(with_ending(&self.path, ending));
        }
    }

    fn open(&self) -> Result<Connection, Error> {
        let connection = open(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -8192",
        )?;
        Ok(connection)
    }
}

impl Drop for SqliteStaging {
    fn drop(&mut self) {
        self.remove();
        self.lock.release();
    }
}

fn insert(
    connection: &Connection,
    loaded: &[Loaded],
    mut blocks: Receiver<Block>,
    parse: Parse,
) -> Result<(), LoadError> {
    connection.execute_batch("BEGIN").map_err(|error| LoadError::anywhere(error.into()))?;
    let mut next = blocks.blocking_recv();
    while let Some(first) = next.take() {
        let target @ Loaded { table, columns } = &loaded[first.table];
        let failed = |error: rusqlite::Error| LoadError::in_table(table, error.into());
        let marks = vec!["?"; columns.len()].join(",");
        let sql = format!("INSERT INTO \"{table}\" ({}) VALUES ({marks})", target.column_list());
        let mut statement = connection.prepare(&sql).map_err(failed)?;
        let mut block = Some(first);
        while let Some(current) = block.take() {
            for line in current.lines.split_inclusive(|byte| *byte == b'\n') {
                let refused = |why| LoadError::in_table(table, Error::new(Kind::Refused, why));
                let values = parse(&line[..line.len() - 1], columns).map_err(refused)?;
                statement.execute(params_from_iter(&values)).map_err(failed)?;
            }
            match blocks.blocking_recv() {
                Some(more) if more.table == current.table => block = Some(more),
                other => next = other,
            }
        }
    }
    connection.execute_batch("COMMIT").map_err(|error| LoadError::anywhere(error.into()))
}

/// Puts the file's content into the live one.
fn swap(live: &Path, staged: &Path, tables: &[String], patience: Duration) -> Result<Swapped, Error> {
    let watch = Stopwatch::start();
    let mut warnings = Vec::new();
    if live.exists()
        && let Err(error) = looked_at(live)
    {
        if error.kind() != Kind::Corrupt {
            return Err(error);
        }
        warnings.push(format!("the live file was no database and is kept as {}", set_aside(live)?.display()));
    }
    if !live.exists() {
        // a log or journal whose database is gone would be played into the new one
        if LOGS.iter().any(|ending| with_ending(live, ending).exists()) {
            let aside = set_aside(live)?;
            warnings.push(format!("the log of a file that is gone is kept beside {}", aside.display()));
        }
        fs::rename(staged, live).map_err(cannot(live))?;
        let directory = live.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(cannot(directory))?;
        return Ok(Swapped { duration: watch.elapsed(), warnings });
    }
    let mut connection = open(live, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(patience)?;
    if foreign_tables(&connection, tables)? {
        replace_tables(&connection, staged, tables)?;
    } else {
        copy_pages(&open(staged, OpenFlags::SQLITE_OPEN_READ_ONLY)?, &mut connection, patience)?;
    }
    // a log of the size of the database would stay otherwise; somebody who reads may be in the way
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    Ok(Swapped { duration: watch.elapsed(), warnings })
}

/// Whether the live file is a database that can be read.
fn looked_at(live: &Path) -> Result<(), Error> {
    let connection = open(live, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(())
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

fn set_aside(live: &Path) -> Result<PathBuf, Error> {
    let mut number = 1;
    let aside = loop {
        let aside = with_ending(live, &format!(".damaged-{number}"));
        if LOGS.iter().chain(&[""]).all(|ending| !with_ending(&aside, ending).exists()) {
            break aside;
        }
        number += 1;
    };
    for ending in LOGS.iter().chain(&[""]) {
        let from = with_ending(live, ending);
        if from.exists() {
            fs::rename(&from, with_ending(&aside, ending)).map_err(cannot(live))?;
        }
    }
    Ok(aside)
}

fn foreign_tables(connection: &Connection, tables: &[String]) -> Result<bool, Error> {
    let mut found = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let names = found.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().any(|name| !tables.contains(name)))
}

/// All pages in one transaction.
fn copy_pages(staged: &Connection, live: &mut Connection, patience: Duration) -> Result<(), Error> {
    let watch = Stopwatch::start();
    let copy = Backup::new(staged, live)?;
    loop {
        match copy.step(-1)? {
            StepResult::Done => return Ok(()),
            _ if watch.elapsed() > patience => return Err(Error::locked_file("the SQLite file stayed locked")),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Drops and makes our tables anew in one transaction, and leaves the others alone.
fn replace_tables(live: &Connection, staged: &Path, tables: &[String]) -> Result<(), Error> {
    live.execute_batch("PRAGMA foreign_keys = OFF")?;
    live.execute("ATTACH ?1 AS staged", [staged.to_string_lossy()])?;
    let mut found = live.prepare(
        "SELECT type, name, sql FROM staged.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         ORDER BY type <> 'table'",
    )?;
    let objects = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let objects: Vec<(String, String, String)> = objects.collect::<Result<_, _>>()?;
    let mut sql = String::from("BEGIN IMMEDIATE;");
    for table in tables {
        sql.push_str(&format!("DROP TABLE IF EXISTS main.\"{table}\";"));
    }
    for (kind, name, create) in &objects {
        sql.push_str(&format!("{create};"));
        if kind == "table" {
            sql.push_str(&format!("INSERT INTO main.\"{name}\" SELECT * FROM staged.\"{name}\";"));
            let quoted = Backend::Sqlite.literal(name);
            sql.push_str(&format!(
                "DELETE FROM main.sqlite_sequence WHERE name = {quoted};
                 INSERT INTO main.sqlite_sequence SELECT * FROM staged.sqlite_sequence WHERE name = {quoted};"
            ));
        }
    }
    sql.push_str("COMMIT");
    drop(found);
    Ok(live.execute_batch(&sql)?)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn cannot(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |error| Error::new(Kind::CannotOpen, format!("`{path}`: {error}"))
}

/// One restore at a time: a locked file beside the database, which goes with the process.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(path: PathBuf) -> Result<Self, Error> {
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(cannot(&path))?;
            if file.try_lock().is_err() {
                return Err(Error::locked_file("another restore of this database is at work"));
            }
            // the one before may have removed it between opening and locking
            if fs::metadata(&path).is_ok_and(|found| file.metadata().is_ok_and(|own| own.ino() == found.ino())) {
                return Ok(Self { path, _file: file });
            }
        }
    }

    fn release(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
