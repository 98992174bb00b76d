//! SQL that differs between the engines. Only this file matches on the backend to choose SQL. Longer statements are in
//! `postgres/` and `sqlite/` beside it.

use super::{Backend, Column, pinned_settings};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Backend {
    /// Reads every applied migration: `ledger`, version, applied at (Unix seconds), checksum, kind, duration in ms,
    /// program version, compatible (`t` or `f`). It fails with an undefined table if there is no ledger. It reads one
    /// table without an order. On a new connection each further catalogue entry costs more than the query itself.
    pub(crate) fn read_ledger(self) -> &'static str {
        self.pick(include_str!("postgres/ledger.sql"), include_str!("sqlite/ledger.sql"))
    }

    /// Reads every object of the schema: `fact`, key, shape, detail.
    pub(crate) fn read_catalogue(self) -> &'static str {
        self.pick(include_str!("postgres/catalogue.sql"), include_str!("sqlite/catalogue.sql"))
    }

    /// Reads the ledger and the catalogue in one round trip, for a boot and for reports. It waits at most one second
    /// for a table that is being changed, and then skips the catalogue.
    pub(crate) fn read_ledger_and_catalogue(self) -> String {
        let sql = self.pick(
            concat!(include_str!("postgres/ledger.sql"), include_str!("postgres/catalogue.sql")),
            concat!(include_str!("sqlite/ledger.sql"), include_str!("sqlite/catalogue.sql")),
        );
        sql.replace("SET LOCAL lock_timeout = '10s'", "SET LOCAL lock_timeout = '1s'")
    }

    /// Prevents other sessions from adding accounts until the transaction ends. On SQLite a transaction that writes
    /// does so by itself.
    pub(crate) fn lock_accounts(self) -> &'static str {
        self.pick("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE", "SELECT 1")
    }

    /// Reads the names of the tables and views that belong to no extension.
    pub(crate) fn read_tables(self) -> &'static str {
        self.pick(include_str!("postgres/tables.sql"), include_str!("sqlite/tables.sql"))
    }

    /// Reads which files the legacy manager recorded as applied.
    pub(crate) fn read_legacy_records(self) -> &'static str {
        "SELECT filename FROM migration_records ORDER BY filename;"
    }

    /// Begins a read-only transaction that sees one state of the tables in `scope`. On SQLite the first read fixes the
    /// state.
    pub(crate) fn begin_snapshot(self, scope: &SnapshotScope<'_>) -> String {
        self.pick(
            format!("{BEGIN}; {} LOCK TABLE {} IN ACCESS SHARE MODE", scope.settings(), quoted(scope.tables)),
            "BEGIN; SELECT count(*) FROM sqlite_schema".to_owned(),
        )
    }

    /// Begins a transaction that imports an exported snapshot and takes the locks of the exporting transaction. It does
    /// not wait for the locks, because a session that waits for one of the tables would block it.
    pub(crate) fn join_snapshot(self, snapshot: &str, scope: &SnapshotScope<'_>) -> String {
        let (snapshot, tables) = (self.literal(snapshot), quoted(scope.tables));
        format!(
            "{BEGIN}; SET TRANSACTION SNAPSHOT {snapshot}; {} LOCK TABLE {tables} IN ACCESS SHARE MODE NOWAIT",
            scope.settings()
        )
    }

    /// Reads about how many rows each table has, in the given order, and its pages if page ranges can be read.
    pub(crate) fn read_sizes(self, tables: &[&str]) -> String {
        let rows = |(at, table): (usize, &&str)| {
            self.pick(
                format!("({at}, '{table}')"),
                format!("SELECT CAST(coalesce(max(rowid), 0) AS TEXT), '0' FROM \"{table}\""),
            )
        };
        let rows: Vec<String> = tables.iter().enumerate().map(rows).collect();
        self.pick(include_str!("postgres/sizes.sql").replace("(0, '')", &rows.join(", ")), rows.join(" UNION ALL "))
    }

    /// Reads the encoding of the database; empty on SQLite.
    pub(crate) fn read_encoding(self) -> &'static str {
        self.pick(
            "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()",
            "SELECT ''",
        )
    }

    /// Reads the version of the server or of the SQLite library.
    pub(crate) fn read_version(self) -> &'static str {
        self.pick("SELECT version();", "SELECT 'SQLite ' || sqlite_version();")
    }

    /// Reads the random id of the database: one row, or none if the row was deleted. Needs migration 011.
    pub(crate) fn read_database_id(self) -> &'static str {
        "SELECT database_id FROM database_identity WHERE id = 1;"
    }

    /// Reads the random id of the database, and its creation time (RFC 3339), in two rows. Needs migration 011.
    pub(crate) fn read_kept_identity(self) -> &'static str {
        self.pick(
            "SELECT unnest(ARRAY[database_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')]) \
             FROM database_identity WHERE id = 1;",
            "SELECT database_id FROM database_identity WHERE id = 1 \
             UNION ALL SELECT created_at FROM database_identity WHERE id = 1;",
        )
    }

    /// Replaces the row of the database's identity. `created_at` has the format of RFC 3339.
    pub(crate) fn replace_identity(self, database_id: &str, epoch: &str, created_at: &str) -> String {
        let [database_id, epoch, created_at] = [database_id, epoch, created_at].map(|text| self.literal(text));
        format!(
            "DELETE FROM database_identity; INSERT INTO database_identity (id, database_id, epoch, created_at) \
             VALUES (1, {database_id}, {epoch}, {created_at});"
        )
    }

    /// Condition on rows of `maintenance_runs`: the run happened in this database, and no restore brought its row from
    /// another one. A restore records the greatest id that it brought as `foreign_runs_to`, which is below its own id.
    /// The JSON in a restored file can have any shape.
    pub(crate) fn is_own_run(self) -> &'static str {
        self.pick(
            "id > coalesce((SELECT max(bound) FROM (SELECT id AS run, CASE WHEN jsonb_typeof(counts -> 'foreign_runs_to') = 'number' \
             THEN (counts ->> 'foreign_runs_to')::numeric END AS bound FROM maintenance_runs WHERE kind = 'restore') restores \
             WHERE bound < run), 0)",
            "id > coalesce((SELECT max(bound) FROM (SELECT id AS run, CASE json_type(counts, '$.foreign_runs_to') WHEN 'integer' \
             THEN counts ->> 'foreign_runs_to' END AS bound FROM maintenance_runs WHERE kind = 'restore') restores \
             WHERE bound < run), 0)",
        )
    }

    /// Reads every sequence that belongs to a table. The columns are name, table, value, whether the value was issued,
    /// and whether the sequence can be read (`t` or `f`).
    pub(crate) fn read_sequences(self) -> &'static str {
        self.pick(
            include_str!("postgres/sequences.sql"),
            "SELECT name, name, CAST(seq AS TEXT), 't', 't' FROM sqlite_sequence ORDER BY name;",
        )
    }

    /// Reads the value of a sequence that has issued no value, and whether it has issued one since. The list of
    /// sequences does not contain this value, which `ALTER SEQUENCE … RESTART` changes.
    pub(crate) fn read_unused_sequence(self, name: &str) -> String {
        let (quoted, literal) = (quoted_name(name), self.literal(name));
        self.pick(
            format!("SELECT last_value::text, CASE WHEN is_called THEN 't' ELSE 'f' END FROM {quoted}"),
            format!("SELECT CAST(seq AS TEXT), 't' FROM sqlite_sequence WHERE name = {literal}"),
        )
    }

    /// Reads the source of the setting that makes every transaction of this role read-only. There is no row on a
    /// standby.
    pub(crate) fn read_only_source(self) -> &'static str {
        self.pick(
            "SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only' AND setting = 'on' \
             AND NOT pg_is_in_recovery();",
            "SELECT '' WHERE FALSE;",
        )
    }

    /// Prints a floating-point number as a literal without loss of precision. For SQLite.
    pub(crate) fn quote_number(self) -> &'static str {
        "SELECT quote(?1)"
    }

    /// Sets the value from which a sequence continues. `used` means that the value was already issued.
    pub(crate) fn set_sequence(self, name: &str, value: i64, used: bool) -> String {
        let name = self.literal(name);
        self.pick(
            format!("SELECT setval({name}, {value}, {used});\n"),
            format!(
                "DELETE FROM sqlite_sequence WHERE name = {name};\n\
                 INSERT INTO sqlite_sequence (name, seq) VALUES ({name}, {value});\n"
            ),
        )
    }

    /// Creates the two tables of the ledger.
    pub(crate) fn create_ledger(self) -> &'static str {
        self.pick(include_str!("postgres/create_ledger.sql"), include_str!("sqlite/create_ledger.sql"))
    }

    /// Tries to take the migration lock for this transaction. It affects one row if it acquires the lock, and none if
    /// another process holds it. On SQLite the transaction itself is the lock.
    pub(crate) fn try_migration_lock(self) -> &'static str {
        self.pick(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; \
             SELECT 1 WHERE pg_catalog.pg_try_advisory_xact_lock(4711203350194)",
            "SELECT 1",
        )
    }

    /// Begins a transaction that tries to take the exclusive lock. It returns `true` if it holds the lock. SQLite uses
    /// a lock on a file instead.
    pub(crate) fn try_exclusive_lock(self) -> &'static str {
        self.pick("BEGIN; SELECT CAST(pg_try_advisory_xact_lock(4711203350195) AS TEXT)", "SELECT 'false'")
    }

    /// Settings of the transaction that holds the lock. The transaction may be idle for as long as the work lasts.
    pub(crate) fn hold_migration_lock(self) -> String {
        self.pick(pinned_settings::prologue(), "SELECT 1".to_owned())
    }

    /// Settings of a migration's transaction, without its lock timeout and its schema. Rows that row security hides
    /// cause an error, because a migration that copies rows would lose them.
    pub(crate) fn migration_settings(self) -> String {
        let own = "SET LOCAL row_security = off; SET LOCAL client_min_messages = warning";
        self.pick(pinned_settings::transaction_settings() + own, "SELECT 1".to_owned())
    }

    /// Lets a transaction that changes the schema act as the owner of the program's tables.
    pub(crate) fn assume_owner(self) -> String {
        self.pick(pinned_settings::assume_owner(), "SELECT 1".to_owned())
    }

    /// Reads the tables, sequences and functions of these names that another role than the migrating one owns: object,
    /// owner, and migrating role. `None` on SQLite.
    pub(crate) fn read_other_owners(self, relations: &[&str], functions: &[&str]) -> Option<String> {
        let list = |names: &[&str]| {
            let literals: Vec<String> = names.iter().map(|name| self.literal(name)).collect();
            if literals.is_empty() { "NULL".to_owned() } else { literals.join(", ") }
        };
        let sql = self.pick(Some(include_str!("postgres/other_owners.sql")), None)?;
        Some(sql.replace(":relations", &list(relations)).replace(":functions", &list(functions)))
    }

    /// Limits the time that a statement of a migration waits for a lock, in milliseconds.
    pub(crate) fn lock_timeout(self, milliseconds: u64) -> String {
        self.pick(format!("SET LOCAL lock_timeout = {milliseconds}"), "SELECT 1".to_owned())
    }

    /// Builds an expression for the time this long ago, by the database's clock.
    pub(crate) fn ago(self, time: std::time::Duration) -> String {
        let seconds = time.as_secs_f64();
        self.pick(
            format!("CURRENT_TIMESTAMP - INTERVAL '{seconds:.3} seconds'"),
            format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-{seconds:.3} seconds')"),
        )
    }

    /// Builds an expression for the current time in Unix seconds, by the database's clock.
    pub(crate) fn unix_time(self) -> &'static str {
        self.pick("CAST(extract(epoch FROM now()) AS bigint)", "CAST(strftime('%s', 'now') AS INTEGER)")
    }

    /// Quotes a text as a literal that is correct under every setting of the server. With `standard_conforming_strings`
    /// off, a backslash could end a plain literal early. The rest of the text would then run as SQL.
    pub(crate) fn literal(self, text: &str) -> String {
        let quoted = text.replace('\'', "''");
        if self == Self::Sqlite || !quoted.contains('\\') {
            return format!("'{quoted}'");
        }
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    }
}

/// Tables that a PostgreSQL snapshot reads, and their schema.
#[derive(Clone, Copy)]
pub(crate) struct SnapshotScope<'a> {
    pub(crate) tables: &'a [&'a str],
    /// Schema of the tables.
    pub(crate) home: &'a str,
    /// Server version, as in `server_version_num`.
    pub(crate) version: Option<u32>,
}

impl SnapshotScope<'_> {
    /// Settings of a transaction that may take hours and prints every value in one format. They contain no query,
    /// because the snapshot must be taken only after the tables are locked.
    fn settings(self) -> String {
        format!(
            "{}{}SET LOCAL search_path = {}, pg_temp; SET LOCAL lock_timeout = '10s'; SET LOCAL row_security = off;",
            pinned_settings::transaction_settings(),
            pinned_settings::lift_newer_limits(self.version),
            quoted_name(self.home),
        )
    }
}

/// Statement that reads every row of a table.
#[derive(Clone, Copy)]
pub(crate) struct Export<'a> {
    pub(crate) table: &'a str,
    pub(crate) columns: &'a [Column],
    /// True for PostgreSQL's binary format, false for lines.
    pub(crate) binary: bool,
}

impl<'a> Export<'a> {
    /// Builds the statement in the fastest format that the columns allow.
    pub(crate) fn of(table: &'a str, columns: &'a [Column]) -> Self {
        Self { table, columns, binary: super::binary_copy::can_print(columns) }
    }
}

impl Export<'_> {
    /// Returns a COPY statement for PostgreSQL.
    pub(crate) fn copy(self) -> String {
        format!("COPY {} ({}) TO STDOUT{}", self.table, self.names(), self.format())
    }

    /// Returns a COPY statement for PostgreSQL that reads the pages from `from` up to, but not including, `to`.
    pub(crate) fn copy_pages(self, from: u64, to: Option<u64>) -> String {
        let until = to.map(|to| format!(" AND ctid < '({to},0)'")).unwrap_or_default();
        let (table, names, format) = (self.table, self.names(), self.format());
        format!("COPY (SELECT {names} FROM ONLY {table} WHERE ctid >= '({from},0)'{until}) TO STDOUT{format}")
    }

    /// Returns a SELECT statement.
    pub(crate) fn select(self) -> String {
        format!("SELECT {} FROM {}", self.names(), self.table)
    }

    fn names(self) -> String {
        self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn format(self) -> &'static str {
        if self.binary { " (FORMAT binary)" } else { "" }
    }
}

fn quoted(tables: &[&str]) -> String {
    tables.iter().map(|table| quoted_name(table)).collect::<Vec<_>>().join(", ")
}

/// Quotes a name for SQL.
pub(crate) fn quoted_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
