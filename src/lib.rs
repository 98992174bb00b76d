//! An authentication service whose whole database layer is compiled into it.
//!
//! Imports point one way: `cli` → `http` → `auth` / `maintain` / `seed` → `backup` → `migrate` → `db` → `entity`; `config` reads the environment,
//! `clients`, `clock`, `notify`, `password_hashes`, `printable`, `random`, `shutdown` and `telemetry` are leaves, and `disk`, which opens files, stands right above them. `tests/it/tidy.rs` holds this. The map is `docs/ARCHITECTURE.md`.

pub mod auth;
pub mod backup;
pub mod cli;
mod clients;
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
