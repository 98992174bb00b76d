//! All integration tests: one binary, so that it links once and shares one PostgreSQL cluster.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests measure waiting and read the flags they are run with")]

mod support;

mod accounts;
mod adoption;
mod api;
mod api_fuzz;
mod backup;
mod build_checks;
mod catalogue;
mod cleanup;
mod cleanup_faults;
mod cli;
mod config;
mod corpus;
mod deploy;
mod documents;
mod drift;
mod entities;
mod failover;
mod health;
mod health_faults;
mod health_http;
mod health_postgres;
mod hot_paths;
mod lockout;
mod metrics;
mod metrics_served;
mod migrate;
mod migrate_faults;
mod monitoring;
mod names;
mod notify;
mod oauth;
mod oauth_accounts;
mod oauth_github;
mod oauth_google;
mod oauth_login;
mod oauth_tokens;
mod page;
mod refusals;
mod replicas;
mod restore;
mod restore_edges;
mod restore_faults;
mod restore_files;
mod retention;
mod roundtrip;
mod runs;
mod schedule;
mod schema_choice;
mod seed;
mod serve;
mod sessions;
mod settings_matrix;
mod snapshot;
mod sqlite_faults;
mod standby;
mod tidy;
mod troubleshooting;
mod vault;
mod verify_backup;
mod versions;
