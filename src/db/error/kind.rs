//! Kinds of failure, whichever driver reports it.

use sea_orm::EnumIter;

/// Kind of a failure. Failures of one kind have a common remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter)]
pub enum DbErrorKind {
    /// The server does not answer: it is not running, its name is unknown, or the connection was reset or timed out.
    Unreachable,
    /// The server is starting, is stopping, or is in recovery.
    NotReady,
    /// The server has no free connection slot.
    TooManyConnections,
    /// User or password is wrong, or the server refuses this host.
    Authentication,
    /// The database does not exist.
    NoSuchDatabase,
    /// The SQLite file does not exist.
    NoSuchFile,
    /// The SQLite file cannot be opened or created.
    CannotOpen,
    /// The SQLite file is not a database, or is damaged.
    Corrupt,
    /// The role or the file's permissions do not allow the operation.
    PermissionDenied,
    /// The server accepts no writes: a standby, or a primary that was demoted.
    ReadOnly,
    /// A setting makes transactions read-only on a server that accepts writes.
    ReadOnlySetting,
    /// The disk of the server, or of the SQLite file, is full.
    DiskFull,
    /// Reading or writing the disk of the server, or of the SQLite file, failed.
    Storage,
    /// A timeout or an administrator ended the statement or the session.
    Interrupted,
    /// The statement conflicts with recovery: the standby is removing data that the statement reads, as its primary
    /// did.
    Conflict,
    /// A prepared statement is missing or is a different one, because a pooler gave the connection to another client.
    PreparedStatementLost,
    /// Another session or process did not release its lock in time.
    Locked,
    /// A table does not exist.
    UndefinedTable,
    /// The server's certificate or the TLS negotiation failed.
    Tls,
    /// Any other refusal by the server.
    Refused,
}
