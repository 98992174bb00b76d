//! The frame of a migration that another client runs, such as psql: what a connection of ours does by itself.

use super::{Backend, pinned};

/// The parts of the frame, as lines of SQL.
pub(crate) struct MigrationScript;

impl MigrationScript {
    /// Stands first: how the rest of the script is read.
    pub(crate) fn begin_script(backend: Backend) -> String {
        let sql = backend.pick(
            "SET standard_conforming_strings = on;\nSET client_encoding = 'UTF8';\nSET client_min_messages = warning;\n",
            "PRAGMA journal_mode = WAL;\nPRAGMA foreign_keys = OFF;\n",
        );
        sql.to_owned()
    }

    /// Begins a transaction in the schema of our tables, as their owner.
    pub(crate) fn begin(backend: Backend) -> String {
        let sqlite = "BEGIN IMMEDIATE;\n".to_owned();
        backend.pick(format!("BEGIN;\n{}\n{}\n", pinned::script_prologue(), pinned::assume_owner()), sqlite)
    }

    /// Fails unless this migration is the newest one; on PostgreSQL.
    pub(crate) fn guard(newest: Option<&str>) -> String {
        let Some(newest) = newest else { return String::new() };
        format!(
            "DO $$ BEGIN IF (SELECT max(version) FROM authsvc_migrations) <> {} THEN \
             RAISE EXCEPTION 'the newest migration is not the one that this script begins with'; END IF; END; $$;\n",
            Backend::Postgres.literal(newest)
        )
    }

    /// Settings of a session that runs statements outside a transaction; on PostgreSQL.
    pub(crate) fn begin_session() -> String {
        format!("{}\n{}\n", pinned::session_without_limits(), pinned::assume_owner_of_session())
    }

    /// Undoes [`Self::begin_session`].
    pub(crate) fn end_session() -> String {
        pinned::reset_session() + ";\n"
    }
}
