//! Authentication service that contains its whole database layer: schema, migrations, backups, restore and health.
//!
//! Imports point one way: `cli` → `http` → `auth` / `maintain` / `seed` → `backup` → `migrate` → `db` → `entity`.
//! `config` reads the environment. `clients`, `clock`, `notify`, `password_hashes`, `printable`, `random`, `shutdown`
//! and `telemetry` import no other module of the crate. `disk` opens files and imports only leaves. `tests/it/tidy.rs`
//! checks these rules. `docs/ARCHITECTURE.md` describes the modules.

pub mod auth;
pub mod backup;
pub mod cli;
mod client_limits;
pub mod clock;
pub mod config;
pub mod db;
pub mod disk;
pub mod health;
pub mod http;
pub mod maintain;
pub mod migrate;
pub mod notify;
mod password_hashes;
pub mod printable;
pub mod random;
pub mod seed;
pub mod shutdown;
pub mod telemetry;

#[doc(hidden)]
pub use password_hashes::{CostBound, UnusableHash};
