//! Fills the staging tables from a file and verifies that they hold exactly its rows.

use futures_util::future::try_join;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{Sender, UnboundedSender, channel, unbounded_channel};

use super::content::Content;
use super::error::Error;
use super::format::Sequence;
use super::progress::{BackupEvent, BackupPhase, BackupProgress};
use super::reader::{BackupReader, FileItem};
use super::row;
use super::row_digest::{RowDigest, TableDigest};
use super::source::{BackupSource, Text};
use super::unreadable::Unreadable;
use crate::db::{
    BLOCK_BYTES, Backend, Column, ColumnType, LoadBlock, RowParser, RowSink, SnapshotRows, Staging, TableLoad,
    copy_text,
};
use crate::migrate::{self, MigrationSettings, SchemaVersion};

/// Largest number of blocks that wait to be loaded.
const QUEUE: usize = 4;

/// Input of one staged load.
#[derive(Clone, Copy)]
pub(super) struct StagedLoad<'a> {
    pub(super) content: &'a Content,
    pub(super) source: &'a BackupSource,
    pub(super) backend: Backend,
    pub(super) settings: &'a MigrationSettings,
    pub(super) progress: &'a Arc<dyn BackupProgress>,
}

/// Result of a staged load.
pub(super) struct StagedTables {
    pub(super) tables: Vec<TableDigest>,
    pub(super) migrated: Vec<&'static str>,
    /// Warnings for the operator.
    pub(super) notes: Vec<String>,
}

impl StagedLoad<'_> {
    /// Builds the tables, loads the rows, builds indexes, compares, and migrates to the newest schema.
    pub(super) async fn fill(self, staging: &mut Staging) -> Result<StagedTables, Error> {
        let Self { backend, settings, progress, .. } = self;
        let number = self.content.schema_version.number;
        let same_engine = self.content.backend == backend;
        let schema_version = if same_engine {
            migrate::version_after(number, backend)
        } else {
            migrate::settled_version(number, backend)
        };
        let tables: Vec<String> = schema_version.objects.tables.clone();
        progress.event(BackupEvent::Phase(BackupPhase::Building));
        let migration = staging.begin_migration().await?;
        migrate::build(&migration.transaction, 0, schema_version.number, backend, settings).await?;
        staging.end_migration(migration).await?;
        staging.strip(&tables).await?;

        progress.event(BackupEvent::Phase(BackupPhase::Loading(self.content.uncompressed_size)));
        let loaded = self.loaded(&schema_version);
        let expected = self.load(staging, &loaded).await?;
        staging.execute(self.statements(&schema_version)).await?;

        progress.event(BackupEvent::Phase(BackupPhase::Indexing));
        let ((), found) =
            try_join(async { staging.build(&tables).await.map_err(Error::from) }, self.read_back(staging, &loaded))
                .await?;
        for ((loaded, expected), found) in loaded.iter().zip(&expected).zip(&found) {
            if expected != found {
                return Err(Error::Unequal { table: loaded.table.clone() });
            }
        }
        progress.event(BackupEvent::Phase(BackupPhase::Migrating));
        let migration = staging.begin_migration().await?;
        let newest = migrate::newest_version(backend).number;
        let migrated = migrate::build(&migration.transaction, schema_version.number, newest, backend, settings).await?;
        staging.end_migration(migration).await?;
        let tables = loaded.iter().zip(found).map(|(loaded, digest)| digest.of_table(&loaded.table)).collect();
        let notes = staging.raise_sequences().await?;
        Ok(StagedTables { tables, migrated, notes })
    }

    /// Returns true if rows can be compared as they are written: a backup of this program, from the same engine.
    fn is_verbatim(self) -> bool {
        self.content.header.is_some() && self.content.backend == self.backend
    }

    /// Tables to load with their columns. Another engine's ledger is not loaded but created, because its checksums
    /// belong to other SQL.
    fn loaded(self, schema_version: &SchemaVersion) -> Vec<TableLoad> {
        // only PostgreSQL's types distinguish times and booleans from texts and numbers
        let typed = migrate::version_after(schema_version.number, Backend::Postgres);
        let kind = |table: &str, name: &str| {
            let table = typed.tables.iter().find(|known| known.name == table)?;
            table.columns.iter().find(|column| column.name == name).map(|column| column.kind)
        };
        let wanted =
            schema_version.tables.iter().filter(|table| self.is_verbatim() || !migrate::is_ledger(&table.name));
        wanted
            .map(|table| {
                // columns in the order of the file; a table without rows is not in the file
                let found = self.content.tables.iter().find(|found| found.name == table.name);
                let own = || table.columns.iter().map(|column| column.name.clone()).collect();
                let names = found.map_or_else(own, |found| found.columns.clone());
                let column = |name: String| Column { kind: kind(&table.name, &name).unwrap_or(ColumnType::Text), name };
                TableLoad { table: table.name.clone(), columns: names.into_iter().map(column).collect() }
            })
            .collect()
    }

    /// SQL that sets the sequences and, where the ledger is not loaded, creates it.
    fn statements(self, schema_version: &SchemaVersion) -> String {
        let mut sql = String::new();
        if !self.is_verbatim() {
            sql.push_str(&migrate::ledger_of(schema_version, &self.content.ledger, self.backend, self.settings));
        }
        for sequence @ Sequence { value, used, .. } in &self.content.sequences {
            let name = self.backend.pick(format!("{}_id_seq", sequence.table()), sequence.table().to_owned());
            let (value, used) = match self.backend {
                // SQLite stores only values that were given out
                Backend::Sqlite if !used => (value.saturating_sub(1), true),
                // SQLite stores 0 if none was given out; sequences in PostgreSQL begin at 1
                Backend::Postgres if *value < 1 => (1, false),
                _ => (*value, *used),
            };
            if schema_version.objects.tables.iter().any(|table| table == sequence.table()) {
                sql.push_str(&self.backend.set_sequence(&name, value, used));
            }
        }
        sql
    }

    /// Loads the rows into the tables. Returns the digests that reading back must produce.
    async fn load(self, staging: &Staging, loaded: &[TableLoad]) -> Result<Vec<RowDigest>, Error> {
        let (blocks, received) = channel(QUEUE);
        let parse: RowParser = if self.content.backend == Backend::Postgres { row::of_copy } else { row::of_literals };
        let text = self.source.text().map_err(|error| Error::Invalid { reasons: vec![error.to_string()] })?;
        let sender = FileSender {
            loaded: loaded.to_vec(),
            blocks,
            parse,
            converts: self.backend == Backend::Postgres && self.content.backend == Backend::Sqlite,
            verbatim: self.is_verbatim(),
            sent: SentDigests {
                digests: vec![RowDigest::default(); loaded.len()],
                canonical: vec![RowDigest::default(); loaded.len()],
            },
        };
        let (advanced, mut steps) = unbounded_channel();
        let thread = std::thread::spawn(move || sender.run(text, &advanced));
        let watching = async {
            while let Some(bytes) = steps.recv().await {
                self.progress.event(BackupEvent::Advanced(bytes));
            }
            Ok(())
        };
        let done = try_join(staging.load(loaded, received, parse), watching).await;
        let sent = thread
            .join()
            .map_err(|_| Error::Invalid { reasons: vec!["the reading thread ended unexpectedly".to_owned()] })?;
        done.map_err(Error::from)?;
        let sent = sent.map_err(|error| Error::Invalid { reasons: vec![error.to_string()] })?;
        for (loaded, digest) in loaded.iter().zip(&sent.digests) {
            let before = self.content.tables.iter().find(|found| found.name == loaded.table).map(|found| found.digest);
            if before.unwrap_or_default() != *digest {
                return Err(Error::Invalid { reasons: vec!["the file was changed while it was read".to_owned()] });
            }
        }
        Ok(if self.is_verbatim() { sent.digests } else { sent.canonical })
    }

    /// Reads the loaded tables and returns their digests.
    async fn read_back(self, staging: &Staging, loaded: &[TableLoad]) -> Result<Vec<RowDigest>, Error> {
        let mut digests = Vec::new();
        for loaded in loaded {
            let digest_sink = DigestSink {
                columns: &loaded.columns,
                canonical: (!self.is_verbatim())
                    .then_some(self.backend.pick(row::of_copy as RowParser, row::of_literals as RowParser)),
                end: SnapshotRows::row_end(self.backend),
                counted: Mutex::new(Ok(RowDigest::default())),
            };
            staging.read_back(loaded, &digest_sink).await?;
            digests.push(digest_sink.counted.into_inner().unwrap_or_else(PoisonError::into_inner)?);
        }
        Ok(digests)
    }
}

/// Digests the rows that are read back.
struct DigestSink<'a> {
    columns: &'a [Column],
    /// Parser for the rows, if they are compared in canonical form.
    canonical: Option<RowParser>,
    /// Bytes that end a printed row.
    end: &'static [u8],
    counted: Mutex<Result<RowDigest, crate::db::Error>>,
}

impl DigestSink<'_> {
    fn count(&self, rows: &SnapshotRows, digest: &mut RowDigest) -> Result<(), crate::db::Error> {
        let mut lines = Vec::new();
        rows.print(self.columns, &mut lines)?;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let row = line.strip_suffix(self.end).unwrap_or(line);
            match self.canonical.map(|parse| parse(row, self.columns)) {
                None => digest.add(row),
                Some(Ok(values)) => digest.add(&row::canonical(&values, self.columns)),
                // an unreadable row differs from the written one, so its digest differs, too
                Some(Err(_)) => digest.add(row),
            }
        }
        Ok(())
    }
}

impl RowSink for DigestSink<'_> {
    async fn take(&self, rows: SnapshotRows) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(digest) = counted.as_mut()
            && let Err(error) = self.count(&rows, digest)
        {
            *counted = Err(error);
        }
        counted.is_ok()
    }
}

/// Thread that reads the file a second time and sends its rows to the loader.
struct FileSender {
    loaded: Vec<TableLoad>,
    blocks: Sender<LoadBlock>,
    parse: RowParser,
    converts: bool,
    verbatim: bool,
    sent: SentDigests,
}

/// Digests of the rows that were sent, per table: as written, and in canonical form.
struct SentDigests {
    digests: Vec<RowDigest>,
    canonical: Vec<RowDigest>,
}

impl FileSender {
    fn run(mut self, text: Text, advanced: &UnboundedSender<u64>) -> Result<SentDigests, Unreadable> {
        let mut reader = BackupReader::open(text)?;
        let mut current: Option<usize> = None;
        let mut lines = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8);
        let mut first_line = 0;
        let mut told = 0;
        loop {
            let line = reader.line() + 1;
            let (goes_on, is_end) = match (reader.next()?, current) {
                (FileItem::Row(row), Some(table)) => {
                    if lines.is_empty() {
                        first_line = line;
                    }
                    self.row(table, row, &mut lines).map_err(|why| {
                        let name = &self.loaded[table].table;
                        Unreadable::Wrong(format!("line {line}, a row of `{name}`: {why}"))
                    })?;
                    (lines.len() < BLOCK_BYTES || self.send(table, first_line, &mut lines), false)
                }
                (FileItem::Table(name, _), before) => {
                    current = self.loaded.iter().position(|loaded| loaded.table == name);
                    // the next block may belong to the same table; rows in one sent block are consecutive in the file
                    (before.is_none_or(|table| self.send(table, first_line, &mut lines)), false)
                }
                (FileItem::End(_), before) => {
                    (before.is_none_or(|table| self.send(table, first_line, &mut lines)), true)
                }
                (FileItem::Row(_), None) | (FileItem::Sequence(_), _) => (true, false),
            };
            if lines.is_empty() {
                let _ = advanced.send(reader.position() - told);
                told = reader.position();
            }
            if is_end || !goes_on {
                // the loader ends when the sender is dropped
                return Ok(self.sent);
            }
        }
    }

    /// Sends the collected lines. Returns false if the loader stopped. It reports its own error.
    fn send(&self, table: usize, first_line: u64, lines: &mut Vec<u8>) -> bool {
        if lines.is_empty() {
            return true;
        }
        let lines = std::mem::replace(lines, Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8));
        self.blocks.blocking_send(LoadBlock { table, lines, first_line }).is_ok()
    }

    fn row(&mut self, table: usize, row: &[u8], lines: &mut Vec<u8>) -> Result<(), String> {
        self.sent.digests[table].add(row);
        if self.verbatim {
            lines.extend_from_slice(row);
            lines.push(b'\n');
            return Ok(());
        }
        let columns = &self.loaded[table].columns;
        let values = (self.parse)(row, columns)?;
        self.sent.canonical[table].add(&row::canonical(&values, columns));
        if self.converts {
            return copy_text::print(&values, columns, lines);
        }
        lines.extend_from_slice(row);
        lines.push(b'\n');
        Ok(())
    }
}
