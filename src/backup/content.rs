//! Reads a backup file once to its end and checks its content, before any of it is used.

use super::format::{Footer, Header, Sequence};
use super::progress::{BackupEvent, BackupProgress};
use super::reader::{BackupReader, FileItem, FileKind};
use super::row;
use super::row_digest::{RowDigest, TableDigest};
use super::source::Text;
use super::unreadable::{Unreadable, wrong};
use crate::db::Backend;
use crate::migrate::{self, AppliedMigration, SchemaVersion};
use crate::password_hashes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Limits of the migration ledger in a file, in rows and in bytes. A file above either limit is refused.
const LONGEST_LEDGER: u64 = 10_000;
const LARGEST_LEDGER: u64 = 4 << 20;
/// Largest number of tables, and of sequences, in a file. The limit bounds the memory that a file's description takes.
const MOST_TABLES: usize = 200;
/// Largest number of skipped tables in a dump, which is how many table names are kept in memory.
const MOST_SKIPPED: usize = 100_000;

/// Name of the accounts table.
const ACCOUNTS: &str = "users";
/// Largest number of accounts that are named for a password hash that costs too much.
const MOST_COSTLY_NAMED: usize = 10;

/// Bytes of text between two progress events.
const STEP: u64 = 1 << 20;

/// Content of a file that was read to its end.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) compressed: bool,
    pub(super) size: u64,
    pub(super) uncompressed_size: u64,
    pub(super) sha256: String,
    /// First line of a backup. `None` in a plain dump.
    pub(super) header: Option<Header>,
    pub(super) footer: Option<Footer>,
    pub(super) backend: Backend,
    /// Schema version that the file's tables belong to.
    pub(super) schema_version: SchemaVersion,
    /// Applied migrations. Empty in a dump of a legacy manager's database.
    pub(super) ledger: Vec<AppliedMigration>,
    pub(super) tables: Vec<FileTable>,
    pub(super) sequences: Vec<Sequence>,
    /// Tables of a dump that no migration makes.
    pub(super) skipped_tables: Vec<String>,
    /// Accounts whose stored password hash costs more than a login may cost.
    pub(super) costly_hashes: CostlyHashes,
}

/// Accounts whose stored password hash costs more than a login may cost.
#[derive(Debug, Default)]
pub(super) struct CostlyHashes {
    /// Number of such accounts.
    pub(super) count: u64,
    /// The first such accounts, each with its id and the cost of its hash.
    pub(super) rows: Vec<String>,
}

/// One table in a file.
#[derive(Debug)]
pub(super) struct FileTable {
    pub(super) name: String,
    /// Column names, in the order in which the rows hold them.
    pub(super) columns: Vec<String>,
    pub(super) digest: RowDigest,
    pub(super) bytes: u64,
    /// Greatest value of the column `id`. 0 if the table has no such column.
    greatest_id: i64,
}

impl Content {
    /// Row count and digest of every table in the end line or in the file.
    pub(super) fn digests(&self) -> Vec<TableDigest> {
        let found = |name: &str| {
            let found = self.tables.iter().find(|table| table.name == name);
            found.map(|table| table.digest).unwrap_or_default().of_table(name)
        };
        let told = self.footer.iter().flat_map(|footer| &footer.tables).map(|table| &table.name);
        let untold = self.tables.iter().map(|table| &table.name).filter(|name| told.clone().all(|told| told != *name));
        told.clone().chain(untold).map(|name| found(name)).collect()
    }

    /// Greatest id of each table: in its rows or given out by its sequence.
    pub(super) fn greatest_ids(&self) -> Vec<(String, i64)> {
        let of_rows = self.tables.iter().map(|table| (table.name.clone(), table.greatest_id));
        // a table without rows may have given out ids
        let given_out = |sequence: &Sequence| sequence.value.saturating_sub(i64::from(!sequence.used));
        let of_sequences = self.sequences.iter().map(|found| (found.table().to_owned(), given_out(found)));
        let mut greatest = BTreeMap::new();
        for (table, id) in of_rows.chain(of_sequences).filter(|(_, id)| *id > 0) {
            let known = greatest.entry(table).or_insert(id);
            *known = id.max(*known);
        }
        greatest.into_iter().collect()
    }

    /// Number of rows in all tables except the ledger.
    pub(super) fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.digest.rows()).sum()
    }
}

/// Reads a file to its end. At most `longest` bytes of text are read, as protection against decompression bombs.
///
/// # Errors
/// Returns an error if the file is incomplete or in no format that this program reads.
pub(super) fn read(
    text: Text,
    longest: Option<u64>,
    progress: &Arc<dyn BackupProgress>,
) -> Result<Content, Unreadable> {
    let compressed = text.is_gzip();
    let mut reader = BackupReader::open(text)?;
    let mut builder = ContentBuilder::new(engine(reader.file_kind())?);
    let mut told = 0;
    let is_dump = *reader.file_kind() == FileKind::Dump;
    let known = migrate::all_tables();
    let footer = loop {
        let line = reader.line();
        if reader.position() - told > STEP {
            progress.event(BackupEvent::Advanced(reader.position() - told));
            told = reader.position();
        }
        if longest.is_some_and(|longest| reader.position() > longest) {
            return Err(wrong("it is longer than its metadata says"));
        }
        match reader.next()? {
            FileItem::Table(name, ..) if is_dump && !known.contains(&name) => {
                builder.skipped_tables.push(name);
                if builder.skipped_tables.len() > MOST_SKIPPED {
                    return Err(wrong("it has more tables than any database of authsvc"));
                }
                reader.skip_table();
            }
            FileItem::Table(name, columns) => builder.table(name, columns)?,
            FileItem::Row(row) => builder.row(row, line + 1)?,
            FileItem::Sequence(sequence) if is_dump && !known.contains(sequence.table()) => {}
            FileItem::Sequence(sequence) => builder.sequence(sequence)?,
            FileItem::End(Some(footer)) if footer.tables.len() > MOST_TABLES => {
                return Err(wrong("its last line names more tables than any migration makes"));
            }
            FileItem::End(footer) => break footer,
        }
    };
    let uncompressed_size = reader.position();
    let kind = reader.file_kind().clone();
    let (sha256, size) = Text::finish(reader.into_text())?;
    builder.into_content(kind, footer, FileSizes { compressed, size, uncompressed_size, sha256 })
}

struct FileSizes {
    compressed: bool,
    size: u64,
    uncompressed_size: u64,
    sha256: String,
}

/// Database engine that made the file. Dumps always come from PostgreSQL.
fn engine(kind: &FileKind) -> Result<Backend, Unreadable> {
    match kind {
        FileKind::Dump => Ok(Backend::Postgres),
        FileKind::Backup(header) => match header.backend.as_str() {
            "postgres" => Ok(Backend::Postgres),
            "sqlite" => Ok(Backend::Sqlite),
            other => Err(wrong(&format!("its engine is `{}`", other.escape_debug()))),
        },
    }
}

struct ContentBuilder {
    backend: Backend,
    tables: Vec<FileTable>,
    current: usize,
    /// Column indexes of the id and of the password hash, if the current table is the accounts table.
    hashes: Option<(usize, usize)>,
    costly_hashes: CostlyHashes,
    ledger: Vec<Vec<u8>>,
    sequences: Vec<Sequence>,
    skipped_tables: Vec<String>,
}

impl ContentBuilder {
    fn new(backend: Backend) -> Self {
        Self {
            backend,
            tables: Vec::new(),
            current: 0,
            hashes: None,
            costly_hashes: CostlyHashes::default(),
            ledger: Vec::new(),
            sequences: Vec::new(),
            skipped_tables: Vec::new(),
        }
    }

    fn table(&mut self, name: String, columns: Vec<String>) -> Result<(), Unreadable> {
        self.current = match self.tables.iter().position(|table| table.name == name) {
            Some(at) if self.tables[at].columns != columns => {
                return Err(Unreadable::Wrong(format!(
                    "the columns of `{name}` are not the same in all of its blocks"
                )));
            }
            Some(at) => at,
            None if self.tables.len() == MOST_TABLES => {
                return Err(wrong("it has more tables than any migration makes"));
            }
            None => {
                self.tables.push(FileTable { name, columns, digest: RowDigest::default(), bytes: 0, greatest_id: 0 });
                self.tables.len() - 1
            }
        };
        let table = &self.tables[self.current];
        let place = |name: &str| table.columns.iter().position(|column| column == name);
        self.hashes = (table.name == ACCOUNTS).then(|| Some((place("id")?, place("password_hash")?))).flatten();
        Ok(())
    }

    fn row(&mut self, row: &[u8], line: u64) -> Result<(), Unreadable> {
        if std::str::from_utf8(row).is_err() {
            return Err(Unreadable::Wrong(format!("line {line} is not UTF-8")));
        }
        let table = &mut self.tables[self.current];
        table.digest.add(row);
        table.bytes += row.len() as u64;
        if let Some(at) = table.columns.iter().position(|column| column == "id") {
            table.greatest_id = table.greatest_id.max(row::integer_at(row, at, self.backend).unwrap_or(0));
        }
        if table.name == migrate::LEDGER {
            if table.digest.rows() > LONGEST_LEDGER || table.bytes > LARGEST_LEDGER {
                return Err(wrong("its ledger is longer than any that authsvc makes"));
            }
            self.ledger.push(row.to_vec());
        }
        if let Some(places) = self.hashes {
            self.hash(row, places);
        }
        Ok(())
    }

    /// Records an account whose stored hash costs too much.
    fn hash(&mut self, row: &[u8], (id, hash): (usize, usize)) {
        let Some(bound) = row::text_at(row, self.backend, hash).and_then(|stored| password_hashes::excess(&stored))
        else {
            return;
        };
        self.costly_hashes.count += 1;
        if self.costly_hashes.rows.len() < MOST_COSTLY_NAMED {
            let id = row::text_at(row, self.backend, id).unwrap_or_default();
            self.costly_hashes.rows.push(format!("id {} ({bound})", id.escape_debug()));
        }
    }

    fn sequence(&mut self, sequence: Sequence) -> Result<(), Unreadable> {
        if self.sequences.len() == MOST_TABLES {
            return Err(wrong("it has more sequences than any migration makes"));
        }
        self.sequences.push(sequence);
        Ok(())
    }

    fn into_content(self, kind: FileKind, footer: Option<Footer>, raw: FileSizes) -> Result<Content, Unreadable> {
        let header = match kind {
            FileKind::Backup(header) => Some(header),
            FileKind::Dump => None,
        };
        let backend = self.backend;
        let ledger = self.applied(backend)?;
        let schema_version = version_of_file(&ledger, header.as_ref(), backend)?;
        check_tables(&self.tables, &schema_version)?;
        if header.is_none() {
            check_whole(&self.tables, &schema_version)?;
        }
        let known = |sequence: &&Sequence| schema_version.tables.iter().any(|table| sequence.table() == table.name);
        if header.is_some()
            && let Some(unknown) = self.sequences.iter().find(|sequence| !known(sequence))
        {
            return Err(Unreadable::Wrong(format!(
                "it sets the sequence `{}`, which no migration makes",
                unknown.name
            )));
        }
        let Self { tables, sequences, skipped_tables: passed_over, costly_hashes, .. } = self;
        let sequences = sequences.into_iter().filter(|sequence| known(&sequence)).collect();
        let FileSizes { compressed, size, uncompressed_size, sha256 } = raw;
        Ok(Content {
            compressed,
            size,
            uncompressed_size,
            sha256,
            header,
            footer,
            backend,
            schema_version,
            ledger,
            tables,
            sequences,
            skipped_tables: passed_over,
            costly_hashes,
        })
    }

    /// Parses the rows of the ledger.
    fn applied(&self, backend: Backend) -> Result<Vec<AppliedMigration>, Unreadable> {
        let Some(table) = self.tables.iter().find(|table| table.name == migrate::LEDGER) else { return Ok(Vec::new()) };
        let parse = |row: &Vec<u8>| {
            let texts = row::texts(row, backend).ok()?;
            let column = |name: &str| {
                let at = table.columns.iter().position(|column| column == name)?;
                texts.get(at).cloned().flatten()
            };
            AppliedMigration::from_columns(column)
        };
        let parsed: Option<Vec<AppliedMigration>> = self.ledger.iter().map(parse).collect();
        parsed.ok_or_else(|| wrong("its ledger cannot be read"))
    }
}

/// Schema version that the ledger describes, or the legacy manager's version for a dump without a ledger.
fn version_of_file(
    ledger: &[AppliedMigration],
    header: Option<&Header>,
    backend: Backend,
) -> Result<SchemaVersion, Unreadable> {
    let schema_version = if ledger.is_empty() && header.is_none() {
        migrate::legacy_version(backend)
    } else {
        migrate::version_of_ledger(ledger, backend).map_err(|error| match error.kind() {
            migrate::MigrationErrorKind::Newer => Unreadable::Newer(format!("it was made by a newer program: {error}")),
            _ => Unreadable::Wrong(format!("its history is not that of this program: {error}")),
        })?
    };
    match header {
        Some(header) if header.migration != schema_version.migration => Err(Unreadable::Wrong(format!(
            "its first line names migration `{}`, its ledger of `{}`",
            header.migration.escape_debug(),
            schema_version.migration
        ))),
        _ => Ok(schema_version),
    }
}

/// Checks that every table is made by a migration and has exactly the columns that the migrations make.
fn check_tables(tables: &[FileTable], schema_version: &SchemaVersion) -> Result<(), Unreadable> {
    for found in tables {
        let known = schema_version.tables.iter().find(|known| known.name == found.name);
        let Some(known) = known else {
            let name = &found.name;
            return Err(Unreadable::Wrong(format!("it has a table `{name}`, which no migration up to its own makes")));
        };
        let mut columns: Vec<&str> = found.columns.iter().map(String::as_str).collect();
        columns.sort_unstable();
        let mut expected: Vec<&str> = known.columns.iter().map(|column| column.name.as_str()).collect();
        expected.sort_unstable();
        if columns != expected {
            return Err(Unreadable::Wrong(format!(
                "its table `{}` has the columns {}, the migrations make {}",
                found.name,
                columns.join(", ").escape_debug(),
                expected.join(", ")
            )));
        }
    }
    Ok(())
}

/// Checks that a dump holds a block for every expected table. A full dump has one even for an empty table, and a
/// restore would empty a missing table.
fn check_whole(tables: &[FileTable], schema_version: &SchemaVersion) -> Result<(), Unreadable> {
    if tables.is_empty() {
        return Err(wrong("it has no rows of known tables"));
    }
    let expected = schema_version.tables.iter().filter(|table| !migrate::is_ledger(&table.name));
    match expected.into_iter().find(|table| tables.iter().all(|found| found.name != table.name)) {
        Some(missing) => Err(Unreadable::Wrong(format!("it is only a part of a dump: `{}` is missing", missing.name))),
        None => Ok(()),
    }
}
