//! Health: two reports that tell the truth.
//!
//! [`Report`] is the basic one: two round trips, no scan of a big table. [`Detailed`] adds what costs more. Both are plain structs,
//! rendered by commands, HTTP answers, metrics and the status page alike. A figure that cannot be had is `None` with a
//! reason in `warnings`; a [`Check`] gives a verdict on figures, and the worst one counts.
//!
//! Data flows one way: SQL (`db::health`) → `facts` → a section (`performance`, `accounts`, `upkeep`, `statements`, `archive`) →
//! `basic` or `survey` → `verdict` → report. A command makes a report [`once`]; a service has a [`Collector`], which makes one for
//! everybody who asks. To add a figure: the SQL, the section that reads it, the report's field, `docs/MONITORING.md`.

mod accounts;
mod archive;
mod basic;
mod check;
mod collector;
mod counters;
mod detailed;
mod facts;
mod flight;
mod forwarding;
mod gather;
mod hashing;
mod history;
pub mod once;
mod performance;
mod report;
mod rights;
mod seat;
mod settings;
mod size;
mod statements;
mod survey;
mod thresholds;
mod upkeep;
mod verdict;

pub use check::{Check, Status};
pub use collector::{Collector, Reading};
pub use counters::Counters;
pub use forwarding::UntrustedForwarding;
pub use hashing::{HashingProbe, HashingState};
pub use history::Sample;
pub use report::{
    Authentication, BackupFile, Backups, Database, Detailed, Indexes, Maintenance, Migrations, Performance, Queries,
    Report, Run, Security, Session, SqliteFile, Statement, Storage, Table,
};
pub use rights::{MissingRights, missing_rights};
pub use settings::{Settings, SignIn};
pub use size::size_text;
pub use survey::QuickCheck;
pub use thresholds::Thresholds;
