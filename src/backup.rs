//! Backups: one consistent, validated file of plain SQL that restores without this program.
//!
//! The file is `gzip` of readable SQL: [`Header`] line, schema, blocks of rows, sequences, end line. Each gzip member
//! holds whole blocks. `psql` or `sqlite3` restores the file. A [`Metadata`] file beside it holds sizes, checksum and
//! digests, so that damage is detected.
//!
//! All reading uses one parser. `source` opens the file, `reader` splits it into items, `content` reads to the end and
//! checks tables and history. `verify` compares the content with the metadata. `restore` then fills staging tables
//! (`staged_load`, `row`).
//!
//! Invariants: A file under its final name is complete, flushed and, unless validation is switched off, read back and
//! compared. File and directory are readable by their owner only. Memory does not grow with the database. Files that
//! this program did not make are never changed.

mod backup_age;
mod content;
mod create;
mod database_key;
mod directory;
mod error;
mod file;
mod format;
mod grammar;
mod json;
mod kept_identity;
mod lexer;
mod lines;
mod listing;
mod metadata;
mod pack;
mod parse_only;
mod progress;
mod reader;
mod recognise;
mod restore;
mod restore_target;
pub mod retention;
mod row;
mod row_digest;
mod source;
mod staged_load;
mod test_restore;
mod unreadable;
mod verify;
mod writer;

pub use backup_age::{age_seconds, is_in_future, newest};
pub use create::{BackupDestination, BackupRequest, create};
pub use database_key::{DatabaseKey, KnownDatabases, LiveDatabase};
pub use directory::{DirectoryState, PlaceOfBackup, directory_state};
pub use error::{Error, file_errors};
pub use format::{FORMAT, Header};
pub use listing::{BackupEntry, MetadataState, list, orphaned};
pub use metadata::Metadata;
pub use progress::{BackupEvent, BackupPhase, BackupProgress};
pub use restore::{PreparedRestore, RestoreOptions, Restored, prepare, remove_staged};
pub use retention::{Retention, retain};
pub use row_digest::TableDigest;
pub use test_restore::{drop_own_scratch, test_restore};
pub use verify::{Evidence, VerificationReport, verify};

#[doc(hidden)]
pub use parse_only::{convert_row, parse_only};
