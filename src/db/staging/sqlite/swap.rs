//! Swap on SQLite: one transaction copies the staged content into the live file. Programs that have the live file open
//! see the old content before and the new content after.
//!
//! Without objects of other programs all pages are copied. The first step of SQLite's backup locks the live file for
//! writing. The staged file then receives the values that the live one keeps ([`crate::db::staging::sequences`]), and
//! the other pages follow. No row can therefore be written between reading a sequence and replacing it. The program's
//! tables are replaced one by one in one transaction if other programs have objects in the file. This is also done if a
//! copy would change the file's header.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::files::{LOGS, beside, cannot, open, open_staged};
use super::objects;
use crate::clock::Stopwatch;
use crate::db::connection_options::plain_name;
use crate::db::staging::{LiveSchema, SwapReport, sequences};
use crate::db::{Backend, DbErrorKind, Error};
use crate::disk::{self, LinkPolicy};

/// Offset in the header of a SQLite file of the number of bytes in each page that an extension uses. A copy would reset
/// it.
const RESERVED_BYTES: usize = 20;

/// Parameters of a swap.
pub(in crate::db::staging) struct SqliteSwap {
    pub(in crate::db::staging) live: PathBuf,
    pub(in crate::db::staging) staged: PathBuf,
    pub(in crate::db::staging) schema: LiveSchema,
    pub(in crate::db::staging) patience: Duration,
}

impl SqliteSwap {
    /// Replaces the content of the live file with that of the staged one.
    pub(in crate::db::staging) fn run(&self) -> Result<SwapReport, Error> {
        let mut warnings = Vec::new();
        let damaged = self.set_damaged_aside(&mut warnings)?;
        if !self.live.exists() {
            let watch = Stopwatch::start();
            self.move_into_place(damaged.as_ref(), &mut warnings)?;
            return Ok(SwapReport { duration: watch.elapsed(), warnings });
        }
        let mut connection = open(&self.live, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI)?;
        connection.busy_timeout(self.patience)?;
        self.carry_ahead(&connection)?;
        let watch = Stopwatch::start();
        if self.must_stay(&connection)? {
            self.replace_tables(&connection, &mut warnings)?;
        } else {
            self.copy_pages(&mut connection)?;
        }
        // without this, the log would remain as large as the database; a reader may prevent it
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(SwapReport { duration: watch.elapsed(), warnings })
    }

    /// Renames a live file that is no database, together with its logs. Returns the metadata of the file.
    fn set_damaged_aside(&self, warnings: &mut Vec<String>) -> Result<Option<Metadata>, Error> {
        let Ok(metadata) = fs::metadata(&self.live) else { return Ok(None) };
        match try_read(&self.live) {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == DbErrorKind::Corrupt => {
                let aside = set_aside(&self.live)?;
                warnings.push(format!("the live file was not a database and is kept as {}", aside.display()));
                Ok(Some(metadata))
            }
            Err(error) => Err(error),
        }
    }

    /// Renames the staged file to the live path if there is no live file. It gets the mode and the owner of the damaged
    /// file.
    fn move_into_place(&self, damaged: Option<&Metadata>, warnings: &mut Vec<String>) -> Result<(), Error> {
        let Self { live, staged, .. } = self;
        // SQLite would apply a log or journal of a missing database to the new one
        if LOGS.iter().any(|ending| beside(live, ending).exists()) {
            let aside = set_aside(live)?;
            warnings.push(format!("the log of a missing database file is kept beside {}", aside.display()));
        }
        if let Some(damaged) = damaged {
            let kept = fs::set_permissions(staged, damaged.permissions())
                .and_then(|()| chown(staged, Some(damaged.uid()), Some(damaged.gid())));
            if let Err(error) = kept {
                warnings.push(format!("mode or owner of the new file differ from those of the damaged one: {error}"));
            }
        }
        flush(staged)?;
        fs::rename(staged, live).map_err(cannot(live))?;
        disk::flush_directory_of(live).map_err(cannot(live))
    }

    /// Builds objects on the staged tables that no migration creates, and the planner's statistics if the live file has
    /// them.
    fn carry_ahead(&self, live: &Connection) -> Result<(), Error> {
        let staged = open_staged(&self.staged)?;
        objects::carry(&staged, &objects::extras(live, "main", &self.schema)?, &self.schema)?;
        if has_table(live, "main", "sqlite_stat1")? {
            staged.execute_batch("ANALYZE")?;
            if !has_table(live, "main", "sqlite_stat4")? && has_table(&staged, "main", "sqlite_stat4")? {
                staged.execute_batch("DROP TABLE sqlite_stat4")?;
            }
        }
        drop(staged);
        flush(&self.staged)
    }

    /// Returns true if the live file has tables or views of other programs, or a header that a copy would change.
    fn must_stay(&self, live: &Connection) -> Result<bool, Error> {
        let mut header = [0; 100];
        let read = File::open(&self.live).and_then(|mut file| file.read_exact(&mut header));
        if read.is_ok() && header[RESERVED_BYTES] != 0 {
            return Ok(true);
        }
        let mut found = live.prepare(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let names = found.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(names.iter().any(|name| !self.schema.objects.tables.contains(name)))
    }

    /// Copies all pages in one transaction.
    fn copy_pages(&self, live: &mut Connection) -> Result<(), Error> {
        let is_wal = live.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0))? == "wal";
        let staged = open_staged(&self.staged)?;
        let copy = Backup::new(&staged, live)?;
        let watch = Stopwatch::start();
        // the live file is locked for writing from the first page
        while !matches!(copy.step(1)?, StepResult::More | StepResult::Done) {
            self.pause(&watch)?;
        }
        self.keep(&staged, is_wal)?;
        while !matches!(copy.step(-1)?, StepResult::Done) {
            self.pause(&watch)?;
        }
        Ok(())
    }

    fn pause(&self, watch: &Stopwatch) -> Result<(), Error> {
        if watch.elapsed() > self.patience {
            return Err(Error::locked_file("the SQLite file remained locked"));
        }
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    }

    /// Transfers the values that the live file keeps to the staged file. This process holds the lock of the live file.
    /// In WAL mode the file can still be read. Otherwise it can be read only without respecting the lock.
    fn keep(&self, staged: &Connection, is_wal: bool) -> Result<(), Error> {
        staged.execute("ATTACH ?1 AS live", [uri(&self.live, if is_wal { "mode=ro" } else { "immutable=1" })])?;
        let extras = objects::extras(staged, "live", &self.schema)?;
        objects::carry(staged, &extras, &self.schema)?;
        staged.execute_batch(&self.kept_statements(staged, "live", "main")?)?;
        Ok(staged.execute_batch("DETACH live")?)
    }

    /// Returns statements that keep the values of the live schema, for the tables that both schemas contain.
    fn kept_statements(&self, connection: &Connection, live: &str, staged: &str) -> Result<String, Error> {
        if !has_table(connection, live, "sqlite_sequence")? || !has_table(connection, staged, "sqlite_sequence")? {
            return Ok(String::new());
        }
        let sql = format!(
            "SELECT s.name FROM {staged}.sqlite_schema s JOIN {live}.sqlite_schema l ON l.name = s.name AND l.type = 'table'
             WHERE s.type = 'table' AND s.sql LIKE '%AUTOINCREMENT%'"
        );
        let mut found = connection.prepare(&sql)?;
        let tables = found.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let ours: Vec<String> = tables.into_iter().filter(|name| self.schema.objects.tables.contains(name)).collect();
        Ok(sequences::sqlite_statements(live, staged, &ours))
    }

    /// Drops and recreates the program's tables in one transaction. Other tables are not changed.
    fn replace_tables(&self, live: &Connection, warnings: &mut Vec<String>) -> Result<(), Error> {
        live.execute_batch("PRAGMA foreign_keys = OFF")?;
        live.execute("ATTACH ?1 AS staged", [plain_name(&self.staged).to_string_lossy()])?;
        live.execute_batch("BEGIN IMMEDIATE")?;
        for (what, sql) in objects::extras(live, "main", &self.schema)? {
            let is_staged = "SELECT count(*) FROM staged.sqlite_schema WHERE sql = ?1";
            if live.query_row(is_staged, [&sql], |row| row.get::<_, i64>(0))? == 0 {
                return Err(Error::new(
                    DbErrorKind::Refused,
                    format!("the {what} was created during the restore; run the restore again"),
                ));
            }
        }
        let kept = self.kept_statements(live, "main", "staged")?;
        live.execute_batch(&kept)?;
        live.execute_batch(&self.replacements(live)?)?;
        warnings.extend(orphans(live, &self.schema.objects.tables)?);
        Ok(live.execute_batch("COMMIT")?)
    }

    fn replacements(&self, live: &Connection) -> Result<String, Error> {
        let mut found = live.prepare(
            "SELECT type, name, sql FROM staged.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             ORDER BY type <> 'table'",
        )?;
        let objects = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let objects: Vec<(String, String, String)> = objects.collect::<Result<_, _>>()?;
        let has_figures = has_table(live, "main", "sqlite_stat1")? && has_table(live, "staged", "sqlite_stat1")?;
        let mut sql = String::new();
        for table in &self.schema.objects.tables {
            sql.push_str(&format!("DROP TABLE IF EXISTS main.\"{table}\";"));
        }
        for (kind, name, create) in &objects {
            sql.push_str(&format!("{create};"));
            if kind != "table" {
                continue;
            }
            sql.push_str(&format!("INSERT INTO main.\"{name}\" SELECT * FROM staged.\"{name}\";"));
            let quoted = Backend::Sqlite.literal(name);
            sql.push_str(&format!(
                "DELETE FROM main.sqlite_sequence WHERE name = {quoted};
                 INSERT INTO main.sqlite_sequence SELECT * FROM staged.sqlite_sequence WHERE name = {quoted};"
            ));
            if has_figures {
                sql.push_str(&format!(
                    "INSERT INTO main.sqlite_stat1 SELECT * FROM staged.sqlite_stat1 WHERE tbl = {quoted};"
                ));
            }
        }
        Ok(sql)
    }
}

/// Lists rows of other programs' tables that refer to missing rows.
fn orphans(live: &Connection, tables: &[String]) -> Result<Vec<String>, Error> {
    let mut check = live.prepare("SELECT DISTINCT \"table\", parent FROM pragma_foreign_key_check")?;
    let rows = check.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
    let others = rows.into_iter().filter(|(child, parent)| !tables.contains(child) && tables.contains(parent));
    Ok(others
        .map(|(child, parent)| format!("rows of `{child}` point to rows of `{parent}` that do not exist"))
        .collect())
}

fn has_table(connection: &Connection, schema: &str, name: &str) -> Result<bool, Error> {
    let sql = format!("SELECT count(*) FROM {schema}.sqlite_schema WHERE type = 'table' AND name = ?1");
    Ok(connection.query_row(&sql, [name], |row| row.get::<_, i64>(0))? > 0)
}

/// Reads the schema of the live file.
fn try_read(live: &Path) -> Result<(), Error> {
    let connection = open(live, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(())
}

fn flush(path: &Path) -> Result<(), Error> {
    disk::open(path, LinkPolicy::Refused).and_then(|file| disk::flush(&file, path)).map_err(cannot(path))
}

/// Returns a path as a URI for SQLite, with a parameter.
fn uri(path: &Path, parameter: &str) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?{parameter}")
}

fn set_aside(live: &Path) -> Result<PathBuf, Error> {
    let mut number = 1;
    let aside = loop {
        let aside = beside(live, &format!(".damaged-{number}"));
        if LOGS.iter().chain(&[""]).all(|ending| !beside(&aside, ending).exists()) {
            break aside;
        }
        number += 1;
    };
    for ending in LOGS.iter().chain(&[""]) {
        let from = beside(live, ending);
        if from.exists() {
            fs::rename(&from, beside(&aside, ending)).map_err(cannot(live))?;
        }
    }
    Ok(aside)
}
