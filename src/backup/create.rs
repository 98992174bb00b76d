//! Makes a backup: reads one snapshot, writes and validates the file, then writes its metadata.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::directory;
use super::error::Error;
use super::file::{self, Unfinished};
use super::format::{self, FORMAT, Header, Sequence};
use super::metadata::{self, Metadata};
use super::pack::Chunk;
use super::progress::{BackupEvent, BackupProgress};
use super::source::BackupSource;
use super::verify;
use super::writer::{TableSink, Writer, WriterSettings, Written};
use crate::clock::Stopwatch;
use crate::db::{Backend, Connection, DatabaseUrl, Snapshot};
use crate::disk;
use crate::migrate::{self, Schema};

/// Destination of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupDestination {
    /// A new file in this directory, named after the time of the backup.
    Directory(PathBuf),
    /// A file at this path, which must not exist yet.
    File(PathBuf),
    /// Standard output. The backup is not validated and has no metadata file.
    Stdout,
}

/// Options of one backup.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// Destination of the backup.
    pub target: BackupDestination,
    /// True if the file is compressed with gzip.
    pub compressed: bool,
    /// True if the file is read back from disk and compared.
    pub validated: bool,
    /// Version of authsvc, recorded in the backup.
    pub app_version: String,
    /// Name of the environment, recorded in the metadata.
    pub environment: String,
}

/// Makes a backup of a database and returns its metadata.
///
/// # Errors
/// Returns an error if any step fails, see [`Error`]. No file is left in that case.
pub async fn create(
    url: &DatabaseUrl,
    request: &BackupRequest,
    now: DateTime<Utc>,
    progress: &Arc<dyn BackupProgress>,
) -> Result<Metadata, Error> {
    let watch = Stopwatch::start();
    let begun = begin(request, now).await?;
    let sink: Box<dyn Write + Send> = match &begun {
        Some(begun) => Box::new(begun.unfinished.handle()?),
        None => Box::new(io::stdout()),
    };
    let streamed = stream(url, request, now, sink, progress).await;
    let path = begun.as_ref().map(|begun| begun.path.as_path());
    let StreamedBackup { written, header, not_included } = streamed.map_err(|error| error.of_target(path))?;
    let mut metadata = Metadata {
        format: FORMAT,
        filename: String::new(),
        created_at: now,
        duration_ms: 0,
        size: written.size,
        uncompressed_size: written.uncompressed_size,
        compressed: request.compressed,
        validated: false,
        verified_at: None,
        sha256: written.sha256,
        database_url: url.to_string(),
        database_id: header.database_id,
        version: header.version,
        backend: header.backend,
        migration: header.migration,
        tables: written.tables,
        not_included,
        app_version: header.app_version,
        environment: request.environment.clone(),
    };
    if let Some(BegunFile { unfinished, path }) = begun {
        unfinished.flush_to_disk().map_err(Error::file(&path))?;
        if request.validated {
            let source = BackupSource::open(unfinished.path())?;
            verify::differences(&source, &metadata, progress).map_err(|reasons| Error::NotValid { reasons })?;
            metadata.validated = true;
        }
        metadata.duration_ms = watch.milliseconds();
        place(&unfinished, &path, &request.target, &mut metadata)?;
    }
    Ok(metadata)
}

/// Time limit for opening a new file. A file system that takes longer is treated as hanging.
const BEGINNING: Duration = Duration::from_secs(30);

/// A file that is being written, with its final path.
struct BegunFile {
    unfinished: Unfinished,
    path: PathBuf,
}

/// Begins the file. Returns `None` for stdout, and an error if the file system hangs.
async fn begin(request: &BackupRequest, now: DateTime<Utc>) -> Result<Option<BegunFile>, Error> {
    let (target, compressed) = (request.target.clone(), request.compressed);
    let path = match &target {
        BackupDestination::Stdout => return Ok(None),
        BackupDestination::File(path) | BackupDestination::Directory(path) => path.clone(),
    };
    let begun = tokio::task::spawn_blocking(move || {
        let path = match target {
            BackupDestination::Directory(directory) => {
                directory::prepare(&directory)?;
                file::remove_unfinished(&directory);
                directory.join(file::name(now, compressed))
            }
            BackupDestination::File(path) => {
                directory::require_private(disk::directory_of(&path))?;
                path
            }
            BackupDestination::Stdout => return Ok(None),
        };
        let unfinished = Unfinished::begin(&path).map_err(Error::file(&path))?;
        Ok(Some(BegunFile { unfinished, path }))
    });
    match tokio::time::timeout(BEGINNING, begun).await {
        Ok(Ok(begun)) => begun,
        Ok(Err(_)) => Err(io::Error::other("the thread that opens files ended unexpectedly").into()),
        Err(_) => Err(Error::NoAnswer { path, patience: BEGINNING }),
    }
}

/// Gives the file its final name and writes the metadata. If another backup of the same second has the name, the next
/// free second is used.
fn place(
    unfinished: &Unfinished,
    path: &Path,
    target: &BackupDestination,
    metadata: &mut Metadata,
) -> Result<(), Error> {
    let (mut path, mut second) = (path.to_owned(), metadata.created_at);
    loop {
        match (unfinished.place(&path), target) {
            (Ok(()), _) => break,
            (Err(error), BackupDestination::Directory(directory)) if error.kind() == io::ErrorKind::AlreadyExists => {
                second += chrono::Duration::seconds(1);
                path = directory.join(file::name(second, metadata.compressed));
            }
            (Err(error), _) => return Err(Error::file(&path)(error)),
        }
    }
    metadata.filename = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    metadata::write(&path, metadata).inspect_err(|_| {
        // without metadata, retention would never remove the file, and nothing would vouch for it
        let _ = std::fs::remove_file(metadata::path_for(&path));
        unfinished.withdraw(&path);
    })
}

/// Result of streaming one snapshot.
struct StreamedBackup {
    written: Written,
    header: Header,
    /// Tables and columns that no migration makes.
    not_included: Vec<String>,
}

/// Streams one snapshot of the database into the sink.
async fn stream(
    url: &DatabaseUrl,
    request: &BackupRequest,
    now: DateTime<Utc>,
    sink: Box<dyn Write + Send>,
    progress: &Arc<dyn BackupProgress>,
) -> Result<StreamedBackup, Error> {
    let backend = url.backend();
    let (mut connection, url) = Connection::open_pinned(url).await?;
    let schema = migrate::schema_of(&mut connection).await?;
    let names: Vec<&str> = schema.tables.iter().map(|table| table.name.as_str()).collect();
    let mut snapshot = Snapshot::begin(connection, &url, &names).await?;
    let header = Header {
        format: FORMAT,
        backend: backend.to_string(),
        created_at: now,
        database_id: database_id(&mut snapshot, &schema, backend).await?,
        migration: schema.migration.clone(),
        version: version(&mut snapshot, backend).await?,
        app_version: request.app_version.clone(),
    };
    if !schema.is_that_of(&snapshot.query(backend.read_ledger()).await?) {
        return Err(Error::SchemaChanged);
    }
    progress
        .event(BackupEvent::Began { rows: snapshot.sizes().iter().fold(0, |sum, size| sum.saturating_add(size.rows)) });
    let settings = WriterSettings {
        compressed: request.compressed,
        backend,
        tables: schema.tables.clone().into(),
        progress: Arc::clone(progress),
    };
    let writer = Writer::start(sink, settings);
    let sent = send_all(&mut snapshot, &writer, &schema, &header, backend).await;
    let written = writer.finish();
    sent?;
    snapshot.end().await;
    let written = written?.ok_or_else(|| io::Error::other("the writer stopped before the end"))?;
    Ok(StreamedBackup { written, header, not_included: schema.not_included })
}

/// Sends all chunks to the writer. If the writer fails, reading stops, and the writer's `finish` returns the cause.
async fn send_all(
    snapshot: &mut Snapshot,
    writer: &Writer,
    schema: &Schema,
    header: &Header,
    backend: Backend,
) -> Result<(), Error> {
    let header = serde_json::to_string(header).map_err(io::Error::from)?;
    let _ = writer.send(Chunk::Text(format::prelude(&header, schema, backend))).await;
    for (at, table) in schema.tables.iter().enumerate() {
        let read = snapshot.read(at, &table.name, &table.columns, &TableSink { writer, table: at }).await;
        if !read.map_err(|source| Error::Table { table: table.name.clone(), source })? {
            return Ok(());
        }
    }
    let sequences = sequences(snapshot, schema, backend).await?;
    let _ = writer.send(Chunk::Text(format::epilogue(schema, &sequences, backend))).await;
    writer.end().await;
    Ok(())
}

/// Random id of the database. `None` if its schema has no identity table.
async fn database_id(snapshot: &mut Snapshot, schema: &Schema, backend: Backend) -> Result<Option<String>, Error> {
    if !schema.tables.iter().any(|table| table.name == migrate::IDENTITY_TABLE) {
        return Ok(None);
    }
    let rows = snapshot.query(backend.read_database_id()).await?;
    Ok(rows.into_iter().flatten().flatten().next())
}

async fn version(snapshot: &mut Snapshot, backend: Backend) -> Result<String, Error> {
    let rows = snapshot.query(backend.read_version()).await?;
    Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
}

/// Current values of the sequences that belong to the schema's tables.
async fn sequences(snapshot: &mut Snapshot, schema: &Schema, backend: Backend) -> Result<Vec<Sequence>, Error> {
    let mut sequences = Vec::new();
    for row in snapshot.query(backend.read_sequences()).await? {
        let mut columns = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || columns.next().unwrap_or_default();
        let (name, table, mut value, mut used, readable) = (next(), next(), next(), next(), next());
        if !schema.tables.iter().any(|known| known.name == table) {
            continue;
        }
        if readable != "t" {
            return Err(Error::Sequence { sequence: name });
        }
        if used != "t" {
            let sql = backend.read_unused_sequence(&name);
            let mut real = snapshot.query(sql).await?.into_iter().flatten().map(Option::unwrap_or_default);
            (value, used) = (real.next().unwrap_or_default(), real.next().unwrap_or_default());
        }
        let value = value.parse().map_err(|_| Error::Sequence { sequence: name.clone() })?;
        sequences.push(Sequence { name, value, used: used == "t" });
    }
    Ok(sequences)
}
