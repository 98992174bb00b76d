//! The database: where it is ([`DatabaseUrl`]), how it is reached ([`Connection`], [`Pool`]), what went wrong
//! ([`Error`]), and what differs between the engines ([`Backend`]).
//!
//! Nothing above this module sends SQL in the extended protocol before the schema is known to be current: reading
//! the ledger, locking and migrating use simple queries, which work through a transaction-pooling PgBouncer.

mod binary_copy;
mod cleanup;
mod column;
mod connection;
mod dialect;
mod error;
mod health;
mod pool;
mod run;
mod snapshot;
mod staging;
mod turn;
mod url;
mod value;

pub(crate) use connection::first_column;
pub(crate) use run::EndedRun;

pub use cleanup::{Doomed, Kept};
pub use column::{Column, ColumnType};
pub use connection::{Connection, Row, Use};
pub use dialect::Backend;
pub use error::{Error, Kind};
pub use pool::{Pool, PoolUse, Usage};
pub use snapshot::{BLOCK, Rows, Sink, Size, Snapshot};
pub use staging::{Block, LoadError, Loaded, Objects, Parse, Staging, Swapped};
pub use turn::Turn;
pub use url::{DatabaseUrl, Defaults, InvalidUrl, PostgresTarget, SqliteMode, SqliteTarget, SslMode, Target};
pub use value::Value;
