//! SQL around a migration that another client runs, such as psql. It sets what a connection of this program sets by
//! itself.

use super::{Backend, pinned_settings};

/// Parts of the script, as lines of SQL.
pub(crate) struct MigrationScript;

impl MigrationScript {
    /// Returns the first lines of the script, which set how the client reads the rest.
    pub(crate) fn begin_script(backend: Backend) -> String {
        let sql = backend.pick(
            "SET standard_conforming_strings = on;\nSET client_encoding = 'UTF8';\nSET client_min_messages = warning;\n",
            "PRAGMA journal_mode = WAL;\nPRAGMA foreign_keys = OFF;\n",
        );
        sql.to_owned()
    }

    /// Begins a transaction in the schema of the program's tables, as their owner.
    pub(crate) fn begin(backend: Backend) -> String {
        let sqlite = "BEGIN IMMEDIATE;\n".to_owned();
        backend.pick(
            format!("BEGIN;\n{}\n{}\n", pinned_settings::script_prologue(), pinned_settings::assume_owner()),
            sqlite,
        )
    }

    /// Returns a statement that fails unless this migration is the newest one. PostgreSQL only.
    pub(crate) fn guard(newest: Option<&str>) -> String {
        let Some(newest) = newest else { return String::new() };
        format!(
            "DO $$ BEGIN IF (SELECT max(version) FROM authsvc_migrations) <> {} THEN \
             RAISE EXCEPTION 'the newest migration is not the one that this script begins with'; END IF; END; $$;\n",
            Backend::Postgres.literal(newest)
        )
    }

    /// Returns the settings of a session that runs statements outside a transaction. PostgreSQL only.
    pub(crate) fn begin_session() -> String {
        format!("{}\n{}\n", pinned_settings::session_without_limits(), pinned_settings::assume_owner_of_session())
    }

    /// Resets the settings of [`Self::begin_session`].
    pub(crate) fn end_session() -> String {
        pinned_settings::reset_session() + ";\n"
    }
}
