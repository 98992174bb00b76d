//! Writes the backup file in parallel with reading the database. Several threads make members, and one thread writes
//! them in the order of sending. At most [`QUEUE`] members wait, so memory is bounded.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, mpsc as jobs};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::error::Error;
use super::format::{Footer, LAST};
use super::pack::{Chunk, GzipMember, PackJob, Packer};
use super::progress::{BackupEvent, BackupProgress};
use super::row_digest::{RowDigest, TableDigest};
use crate::db::{Backend, RowSink, SnapshotRows};
use crate::migrate::SchemaTable;

/// Largest number of members that are being packed or wait to be written.
const QUEUE: usize = 8;

/// Settings of a writer.
pub(super) struct WriterSettings {
    pub(super) compressed: bool,
    pub(super) backend: Backend,
    pub(super) tables: Arc<[SchemaTable]>,
    pub(super) progress: Arc<dyn BackupProgress>,
}

/// Result of a finished writer.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) size: u64,
    pub(super) uncompressed_size: u64,
    pub(super) sha256: String,
    pub(super) tables: Vec<TableDigest>,
}

/// Entry of the write queue: a member, or the end, after which the last line is written.
enum Queued {
    Member(oneshot::Receiver<Result<GzipMember, Error>>),
    End,
}

/// Handle to the packing and writing threads.
pub(super) struct Writer {
    jobs: jobs::Sender<PackJob>,
    order: mpsc::Sender<Queued>,
    thread: JoinHandle<Result<Option<Written>, Error>>,
}

impl Writer {
    pub(super) fn start(sink: Box<dyn Write + Send>, settings: WriterSettings) -> Self {
        let (jobs, received) = jobs::channel();
        let received = Arc::new(Mutex::new(received));
        for _ in 0..packers() {
            let (received, tables) = (Arc::clone(&received), Arc::clone(&settings.tables));
            let packer = Packer::new(settings.backend, settings.compressed);
            std::thread::spawn(move || packer.run(&received, &tables));
        }
        let (order, ordered) = mpsc::channel(QUEUE);
        let stream = FileStream { sink, sha: Sha256::new(), size: 0, uncompressed_size: 0 };
        Self { jobs, order, thread: std::thread::spawn(move || run(ordered, stream, &settings)) }
    }

    /// Sends a chunk and waits while the queue is full. Returns false if the writer has stopped.
    pub(super) async fn send(&self, part: Chunk) -> bool {
        let (done, member) = oneshot::channel();
        self.order.send(Queued::Member(member)).await.is_ok() && self.jobs.send(PackJob { chunk: part, done }).is_ok()
    }

    /// Signals that all chunks were sent.
    pub(super) async fn end(&self) {
        let _ = self.order.send(Queued::End).await;
    }

    /// Waits for the writer. `None` if `end` was never called.
    pub(super) fn finish(self) -> Result<Option<Written>, Error> {
        drop((self.jobs, self.order));
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread ended unexpectedly").into()))
    }
}

/// Number of packing threads. Compression is most of the work. Two threads leave CPU time for the database server on a
/// small machine. More than four would wait for the server.
fn packers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4)
}

/// Sink that sends the rows of one table to the writer.
pub(super) struct TableSink<'a> {
    pub(super) writer: &'a Writer,
    pub(super) table: usize,
}

impl RowSink for TableSink<'_> {
    async fn take(&self, rows: SnapshotRows) -> bool {
        self.writer.send(Chunk::Rows { table: self.table, rows }).await
    }
}

fn run(
    mut order: mpsc::Receiver<Queued>,
    mut stream: FileStream,
    settings: &WriterSettings,
) -> Result<Option<Written>, Error> {
    let WriterSettings { tables, progress, .. } = settings;
    let mut digests = vec![RowDigest::default(); tables.len()];
    while let Some(next) = order.blocking_recv() {
        let Queued::Member(member) = next else {
            let tables: Vec<_> =
                digests.iter().zip(&**tables).map(|(digest, table)| digest.of_table(&table.name)).collect();
            let footer = serde_json::to_string(&Footer { tables: tables.clone() }).map_err(io::Error::from)?;
            let mut packer = Packer::new(settings.backend, settings.compressed);
            stream.put(&packer.compress(format!("{LAST}{footer}\n").as_bytes())?)?;
            return Ok(stream.finish(tables).map(Some)?);
        };
        // the member is never made if reading has stopped
        let Ok(member) = member.blocking_recv() else { return Ok(None) };
        let member = member?;
        stream.put(&member)?;
        if let Some((table, digest)) = member.digest {
            digests[table].merge(digest);
            let (rows, bytes) = (digest.rows(), member.uncompressed_size as u64);
            progress.event(BackupEvent::Wrote { table: &tables[table].name, rows, bytes });
        }
    }
    Ok(None)
}

/// Output stream with its checksum and sizes.
struct FileStream {
    sink: Box<dyn Write + Send>,
    sha: Sha256,
    size: u64,
    uncompressed_size: u64,
}

impl FileStream {
    fn put(&mut self, member: &GzipMember) -> io::Result<()> {
        self.uncompressed_size += member.uncompressed_size as u64;
        self.size += member.bytes.len() as u64;
        self.sha.update(&member.bytes);
        self.sink.write_all(&member.bytes)
    }

    fn finish(mut self, tables: Vec<TableDigest>) -> io::Result<Written> {
        self.sink.flush()?;
        let sha256 = super::metadata::hex(&self.sha.finalize());
        Ok(Written { size: self.size, uncompressed_size: self.uncompressed_size, sha256, tables })
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::File { path: super::error::BEING_WRITTEN.into(), source }
    }
}
