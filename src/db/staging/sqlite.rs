//! Staging on SQLite: a file beside the live one. It is loaded without a journal, because it is deleted after a crash.
//!
//! The swap copies the pages of this file into the live file in one transaction. Programs that have the live file open
//! see the old content before and the new content after. If the live file contains tables of another program, only the
//! tables of this program are replaced.

mod files;
pub(super) mod objects;
mod swap;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params_from_iter};
use sea_orm::TransactionTrait;
use tokio::sync::mpsc::Receiver;

use self::files::{LOGS, beside, cannot, open, open_staged};
use self::swap::SqliteSwap;
use super::live_schema::{LiveSchema, SwapReport};
use super::load::{LoadBlock, LoadError, RefusedRow, RowParser, TableLoad};
use super::refused_row::sqlite_columns;
use super::sequences;
use super::staged_migration::StagedMigration;
use crate::db::dialect::Export;
use crate::db::snapshot::sqlite::read_all;
use crate::db::{Backend, DatabaseUrl, DbErrorKind, Error, Pool, PoolUse, RowSink, SqliteMode};
use crate::disk::{self, LockState};

/// SQLite file that a restore fills.
pub struct SqliteStaging {
    live: PathBuf,
    path: PathBuf,
    lock: Lock,
    later: Vec<String>,
}

impl SqliteStaging {
    /// Creates an empty file, and replaces what an interrupted restore left.
    pub(super) fn begin(live: &Path) -> Result<Self, Error> {
        let name = live.file_name().unwrap_or_default().to_string_lossy();
        let path = live.with_file_name(format!(".{name}.restore"));
        let lock = Lock::take(live.with_file_name(format!(".{name}.restore-lock")))?;
        let staging = Self { live: live.to_owned(), path, lock, later: Vec::new() };
        staging.remove();
        disk::create(&staging.path).map_err(cannot(&staging.path))?;
        staging.take_settings()?;
        Ok(staging)
    }

    /// Copies the settings that a SQLite file stores. Pages can be copied only into a file with equal page size. The
    /// other settings would be those of the staged file after the swap.
    fn take_settings(&self) -> Result<(), Error> {
        let Ok(live) = open(&self.live, OpenFlags::SQLITE_OPEN_READ_ONLY) else { return Ok(()) };
        let number = |name: &str| live.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        let encoding = live.query_row("PRAGMA encoding", [], |row| row.get::<_, String>(0));
        let (Ok(page_size), Ok(encoding), Ok(auto_vacuum)) = (number("page_size"), encoding, number("auto_vacuum"))
        else {
            return Ok(());
        };
        let mut sql = format!(
            "PRAGMA encoding = {}; PRAGMA page_size = {page_size}; PRAGMA auto_vacuum = {auto_vacuum};
             CREATE TABLE t (a); DROP TABLE t;",
            Backend::Sqlite.literal(&encoding)
        );
        for name in ["user_version", "application_id", "default_cache_size"] {
            if let Ok(value) = number(name) {
                sql.push_str(&format!("PRAGMA {name} = {value};"));
            }
        }
        Ok(self.open()?.execute_batch(&sql)?)
    }

    pub(super) async fn begin_migration(&self) -> Result<StagedMigration, Error> {
        let url = DatabaseUrl::sqlite(&self.path, SqliteMode::ReadWrite);
        let pool = Pool::open(&url, PoolUse::Migrate).await?;
        let transaction = pool.orm().begin().await?;
        Ok(StagedMigration { pool, transaction })
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

    /// Inserts rows in a separate thread.
    pub(super) async fn load(
        &self,
        loaded: Vec<TableLoad>,
        blocks: Receiver<LoadBlock>,
        parse: RowParser,
    ) -> Result<(), LoadError> {
        let connection = self.open().map_err(LoadError::anywhere)?;
        let inserted = tokio::task::spawn_blocking(move || insert(&connection, &loaded, blocks, parse)).await;
        inserted.map_err(|error| LoadError::anywhere(Error::new(DbErrorKind::Refused, error.to_string())))?
    }

    pub(super) async fn execute(&self, sql: String) -> Result<(), Error> {
        Ok(self.open()?.execute_batch(&sql)?)
    }

    pub(super) async fn read_back(&self, loaded: &TableLoad, sink: &impl RowSink) -> Result<(), Error> {
        let connection = Arc::new(Mutex::new(self.open()?));
        read_all(&connection, Export::of(&loaded.table, &loaded.columns), sink).await.map(|_| ())
    }

    pub(super) async fn build(&self) -> Result<(), LoadError> {
        let sql = format!("BEGIN;{};COMMIT", self.later.join(";"));
        let connection = self.open().map_err(LoadError::anywhere)?;
        let built = tokio::task::spawn_blocking(move || {
            connection.execute_batch(&sql).map_err(|error| LoadError::anywhere(error.into()))?;
            check_foreign_keys(&connection)
        });
        built.await.map_err(|error| LoadError::anywhere(Error::new(DbErrorKind::Refused, error.to_string())))?
    }

    /// Raises sequences that are below the ids of their tables. Returns a text with the old and the new value of each.
    pub(super) fn raise_sequences(&self) -> Result<Vec<String>, Error> {
        let staged = self.open()?;
        let mut found =
            staged.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'")?;
        let tables = found.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut notes = Vec::new();
        for table in tables {
            let sql = format!(
                "SELECT coalesce(max(id), 0), coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = ?1), 0) FROM \"{table}\""
            );
            let (id, value): (i64, i64) = staged.query_row(&sql, [&table], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if id > value {
                staged.execute_batch(&sequences::sqlite_statements("main", "main", std::slice::from_ref(&table)))?;
                notes.push(sequences::raised(&table, id));
            }
        }
        Ok(notes)
    }

    pub(super) async fn swap(&self, live: &LiveSchema, patience: Duration) -> Result<SwapReport, Error> {
        let swap = SqliteSwap { live: self.live.clone(), staged: self.path.clone(), schema: live.clone(), patience };
        let swapped = tokio::task::spawn_blocking(move || swap.run());
        swapped.await.map_err(|error| Error::new(DbErrorKind::Refused, error.to_string()))?
    }

    pub(super) fn discard(self) -> Result<(), Error> {
        self.remove();
        Ok(())
    }

    fn remove(&self) {
        for ending in LOGS.iter().chain(&[""]) {
            let _ = fs::remove_file(beside(&self.path, ending));
        }
    }

    fn open(&self) -> Result<Connection, Error> {
        open_staged(&self.path)
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
    loaded: &[TableLoad],
    mut blocks: Receiver<LoadBlock>,
    parse: RowParser,
) -> Result<(), LoadError> {
    connection.execute_batch("BEGIN").map_err(|error| LoadError::anywhere(error.into()))?;
    let mut next = blocks.blocking_recv();
    while let Some(first) = next.take() {
        let target @ TableLoad { table, columns } = &loaded[first.table];
        let failed = |error: rusqlite::Error| LoadError::in_table(table, error.into());
        let marks = vec!["?"; columns.len()].join(",");
        let sql = format!("INSERT INTO \"{table}\" ({}) VALUES ({marks})", target.column_list());
        let mut statement = connection.prepare(&sql).map_err(failed)?;
        let mut block = Some(first);
        while let Some(current) = block.take() {
            for (line, row) in (current.first_line..).zip(current.lines.split_inclusive(|byte| *byte == b'\n')) {
                let place = || RefusedRow::at_line(table, line);
                let refused = |why| LoadError::at(place(), Error::new(DbErrorKind::Refused, why));
                let values = parse(&row[..row.len() - 1], columns).map_err(refused)?;
                let inserted = statement.execute(params_from_iter(&values));
                inserted.map_err(|error| refused_row(connection, target, place(), error))?;
            }
            match blocks.blocking_recv() {
                Some(more) if more.table == current.table => block = Some(more),
                other => next = other,
            }
        }
    }
    connection.execute_batch("COMMIT").map_err(|error| LoadError::anywhere(error.into()))
}

/// Describes the row that SQLite refused. SQLite's message names a constraint or columns.
fn refused_row(connection: &Connection, target: &TableLoad, place: RefusedRow, error: rusqlite::Error) -> LoadError {
    let message = match &error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.as_str(),
        _ => "",
    };
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let definition = connection.query_row(sql, [&target.table], |row| row.get::<_, String>(0)).unwrap_or_default();
    let (columns, constraint) = sqlite_columns(message, &definition, target);
    LoadError::at(RefusedRow { columns, constraint, ..place }, error.into())
}

/// Returns an error for the first row with a reference to a missing row.
fn check_foreign_keys(connection: &Connection) -> Result<(), LoadError> {
    let failed = |error: rusqlite::Error| LoadError::anywhere(error.into());
    let mut check = connection
        .prepare(
            "SELECT c.\"table\", c.rowid, c.parent, k.\"from\" FROM pragma_foreign_key_check c
             JOIN pragma_foreign_key_list(c.\"table\") k ON k.id = c.fkid ORDER BY 1, 2 LIMIT 1",
        )
        .map_err(failed)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let first = check.query_map([], read).map_err(failed)?.next().transpose().map_err(failed)?;
    let Some((child, id, parent, column)): Option<(String, Option<i64>, String, String)> = first else { return Ok(()) };
    let place = RefusedRow {
        row: id.map(|id| format!("the row with `id` {id}")),
        columns: Some(column),
        constraint: Some(format!("REFERENCES {parent}")),
        table: Some(child.clone()),
    };
    let message = format!("rows of `{child}` point to rows of `{parent}` that do not exist");
    Err(LoadError::at(place, Error::new(DbErrorKind::Refused, message)))
}

/// Lock of one restore at a time: a locked file beside the database. It ends with the process.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(path: PathBuf) -> Result<Self, Error> {
        loop {
            let file = disk::open_lock(&path).map_err(cannot(&path))?;
            if disk::try_lock(&file, &path).map_err(cannot(&path))? == LockState::Busy {
                return Err(Error::locked_file("another restore of this database is running"));
            }
            // the previous holder may have removed the file between opening and locking
            if disk::is_at(&file, &path) {
                return Ok(Self { path, _file: file });
            }
        }
    }

    fn release(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
