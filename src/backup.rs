//! Backups: one consistent, validated file of plain SQL that restores without this program.
//!
//! The file is `gzip` of readable SQL ([`Header`] line, the schema as the migrations make it, blocks of rows, sequences, an
//! end line), in many members, each a whole number of blocks. `psql` or `sqlite3` restores it. Beside it lies
//! [`Metadata`]: what it takes to prove that the file is whole.
//!
//! Invariants: a file under its final name is complete, flushed and, unless told otherwise, read back and compared; file
//! and directory are readable by their owner only; memory does not grow with the database; a file of somebody else's is
//! never touched.

mod create;
mod error;
mod file;
mod format;
mod listing;
mod metadata;
pub mod retention;
mod verify;
mod writer;

pub use create::{Request, Target, create};
pub use error::Error;
pub use format::{FORMAT, Header};
pub use listing::{Entry, State, list};
pub use metadata::Metadata;
pub use retention::{Retention, retain};
pub use verify::{Verdict, verify};
pub use writer::TableDigest;
