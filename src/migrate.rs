//! Schema history: what is embedded, what a database has, and how the one becomes the other.
//!
//! The migrations are SQL files, checked and compiled in by `build.rs` (`embedded`). SeaORM's `MigrationTrait` and
//! its ledger table `seaql_migrations` are used as they are; around them this module adds what an operated service
//! needs: one migrator at a time, atomicity on both engines, checksums, drift, adoption, and refusals with a reason.
//!
//! Data flows one way: `ledger` reads a [`State`], `plan` (pure) makes a plan or a refusal of it,
//! `session` locks, reads again and runs the plan, [`Status`] and [`Report`] tell. Invariants: nothing is written
//! before the plan stands; a migration and its ledger row commit together (those marked `no-transaction` first run
//! and are then recorded, and can be run again); when nothing is pending nothing is written and no right is needed.
//!
//! To add a migration see `migration/README.md`.

mod adopt;
mod build;
mod catalogue;
mod embedded;
mod error;
mod layout;
mod ledger;
mod lock;
mod plan;
mod printed;
mod progress;
mod report;
mod run;
mod schema;
mod script;
mod session;
mod status;
mod verify;

pub use adopt::seed_accounts;
pub use build::{build, ledger_of, sql_between};
pub use catalogue::{Catalogue, Change, Difference, read as read_catalogue};
pub use embedded::{Migration, migrations, newest};
pub use error::{Error, FailureScope, Kind};
pub use layout::{
    Layout, all_tables, layout_after, layout_of, layout_of_earlier, layout_of_newest, makes_table, newest_layout,
    settled_layout, unknown,
};
pub use ledger::{Applied, LEDGER, Origin, State, read as state};
pub(crate) use ledger::{is_missing_table, without_ledger};
pub(crate) use lock::with_jitter;
pub use lock::{still_holds, with_lock};
pub use plan::{Target, refuse_newer};
pub use printed::{PrintedBlock, printed};
pub use progress::{Event, Progress};
pub use report::{Entry, Outcome, Report};
pub use schema::{IDENTITY_TABLE, Schema, Table, extra_objects, is_ledger, schema_of};
pub use script::Migrator;
pub use session::{Action, Settings, migrate, rollback};
pub use status::{Checksum, Line, Standing, Status, Summary, drift, drift_of, status};
