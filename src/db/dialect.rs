//! What differs between the engines. This is the only file that matches on the backend to choose SQL; the longer
//! texts are in `postgres/` and `sqlite/` beside it.

use std::fmt;

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pick("postgres", "sqlite"))
    }
}

impl Backend {
    /// Chooses between the two engines' forms of a thing.
    pub(crate) fn pick<T>(self, postgres: T, sqlite: T) -> T {
        match self {
            Self::Postgres => postgres,
            Self::Sqlite => sqlite,
        }
    }

    /// Every applied migration: `ledger`, version, applied at (Unix seconds), checksum, kind, duration in ms,
    /// program version, compatible (`t` or `f`). Fails with an undefined table where there is no ledger. One table and no
    /// order, because on a new connection every catalogue entry that a query touches costs more than the query.
    pub(crate) fn read_ledger(self) -> &'static str {
        self.pick(include_str!("postgres/ledger.sql"), include_str!("sqlite/ledger.sql"))
    }

    /// Every object of the schema: `fact`, key, shape, detail.
    pub(crate) fn read_catalogue(self) -> &'static str {
        self.pick(include_str!("postgres/catalogue.sql"), include_str!("sqlite/catalogue.sql"))
    }

    /// Ledger and catalogue in one round trip.
    pub(crate) fn read_ledger_and_catalogue(self) -> &'static str {
        self.pick(
            concat!(include_str!("postgres/ledger.sql"), include_str!("postgres/catalogue.sql")),
            concat!(include_str!("sqlite/ledger.sql"), include_str!("sqlite/catalogue.sql")),
        )
    }

    /// The names of the tables and views that belong to no extension.
    pub(crate) fn read_tables(self) -> &'static str {
        self.pick(include_str!("postgres/tables.sql"), include_str!("sqlite/tables.sql"))
    }

    /// Which files the earlier manager recorded as applied.
    pub(crate) fn read_earlier_records(self) -> &'static str {
        "SELECT filename FROM migration_records ORDER BY filename;"
    }

    /// Begins a read-only transaction that sees one state of these tables. On SQLite the first read fixes it.
    pub(crate) fn begin_snapshot(self, tables: &[&str]) -> String {
        let names: Vec<String> = tables.iter().map(|table| format!("\"{table}\"")).collect();
        self.pick(
            format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '10s'; \
                 SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
                 SET LOCAL row_security = off; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC'; \
                 SET LOCAL extra_float_digits = 3; LOCK TABLE {} IN ACCESS SHARE MODE",
                names.join(", ")
            ),
            "BEGIN; SELECT count(*) FROM sqlite_schema".to_owned(),
        )
    }

    /// The server's version.
    pub(crate) fn read_version(self) -> &'static str {
        self.pick("SELECT version();", "SELECT 'SQLite ' || sqlite_version();")
    }

    /// Every sequence that belongs to a table: name, table, value, whether that was given out (`t` or `f`), and whether
    /// it can be read.
    pub(crate) fn read_sequences(self) -> &'static str {
        self.pick(
            include_str!("postgres/sequences.sql"),
            "SELECT name, name, CAST(seq AS TEXT), 't', 't' FROM sqlite_sequence ORDER BY name;",
        )
    }

    /// Reads every row of a table as one line, in the form that a backup holds: of COPY's text format, or `(…)` with
    /// literals. A line feed in a SQLite text becomes `'||char(10)||'`, because it would end the line.
    pub(crate) fn export(self, table: &str, columns: &[String]) -> String {
        let literal = |column: &String| format!("replace(quote({column}), char(10), '''||char(10)||''')");
        let literals: Vec<String> = columns.iter().map(literal).collect();
        self.pick(
            format!("COPY {table} ({}) TO STDOUT", columns.join(", ")),
            format!("SELECT '(' || {} || ')' FROM {table}", literals.join(" || ',' || ")),
        )
    }

    /// Makes a sequence go on from a value; `used`: the value was given out already.
    pub(crate) fn set_sequence(self, name: &str, value: &str, used: bool) -> String {
        let name = self.literal(name);
        self.pick(
            format!("SELECT setval({name}, {value}, {used});\n"),
            format!(
                "DELETE FROM sqlite_sequence WHERE name = {name};\n\
                 INSERT INTO sqlite_sequence (name, seq) VALUES ({name}, {value});\n"
            ),
        )
    }

    /// The two ledger tables.
    pub(crate) fn create_ledger(self) -> &'static str {
        self.pick(include_str!("postgres/create_ledger.sql"), include_str!("sqlite/create_ledger.sql"))
    }

    /// Affects one row if this transaction now is the only migrator, none if another one is at work. On SQLite the
    /// transaction itself is the lock.
    pub(crate) fn try_lock(self) -> &'static str {
        self.pick("SELECT 1 WHERE pg_try_advisory_xact_lock(4711203350194)", "SELECT 1")
    }

    /// Begins a transaction that has the turn of one process at a time (`true`), or has it not (`false`). SQLite has a file
    /// for that.
    pub(crate) fn try_turn(self) -> &'static str {
        self.pick(
            "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0; \
             SELECT CAST(pg_try_advisory_xact_lock(4711203350195) AS TEXT)",
            "SELECT 'false'",
        )
    }

    /// Settings for the transaction that holds the lock: it may be idle for as long as the work takes.
    pub(crate) fn hold_lock(self) -> &'static str {
        self.pick("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0", "SELECT 1")
    }

    /// Settings for a transaction that migrates, besides its lock timeout.
    pub(crate) fn migration_settings(self) -> &'static str {
        self.pick(
            "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
             SET LOCAL TimeZone = 'UTC'; SET LOCAL client_min_messages = warning",
            "SELECT 1",
        )
    }

    /// How long a statement of a migration may wait for a lock.
    pub(crate) fn lock_timeout(self, milliseconds: u64) -> String {
        self.pick(format!("SET LOCAL lock_timeout = {milliseconds}"), "SELECT 1".to_owned())
    }

    /// A text as a literal.
    pub(crate) fn literal(self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }
}
