//! All integration tests: one binary, so that it links once and shares one PostgreSQL cluster.

mod support;

mod adoption;
mod build_checks;
mod catalogue;
mod cli;
mod config;
mod entities;
mod migrate;
mod migrate_faults;
mod refusals;
mod seed;
mod serve;
mod sqlite_faults;
mod tidy;
