//! Health: two reports that tell the truth.
//!
//! [`Report`] is the basic one: two round trips, no scan of a big table. [`Detailed`] adds what costs more. Both are plain structs,
//! rendered by commands, HTTP answers, metrics and the status page alike. A figure that cannot be had is `None` with a
//! reason in `warnings`; a [`Check`] gives a verdict on figures, and the worst one counts.

mod check;
mod counters;
mod history;
mod report;

pub use check::{Check, Status};
pub use counters::Counters;
pub use history::Sample;
pub use report::{
    Authentication, BackupFile, Backups, Database, Detailed, Indexes, Maintenance, Migrations, Performance, Queries,
    Report, Run, Security, Session, SqliteFile, Statement, Storage, Table,
};
