//! Queries of the health reports for each engine. Every row has two columns: a tag, and a JSON value with named figures.
//! The structs of `health` have the same names.

use super::Backend;

impl Backend {
    /// Reads `server`, its version and clock, and then the rows of [`Self::read_ledger`].
    pub(crate) fn read_basic_report(self) -> &'static str {
        self.pick(
            concat!(include_str!("postgres/health/basic_report.sql"), include_str!("postgres/ledger.sql")),
            concat!(include_str!("sqlite/health/basic_report.sql"), include_str!("sqlite/ledger.sql")),
        )
    }

    /// Reads the first rows of the basic report, for a database without a ledger.
    pub(crate) fn read_basic_report_without_ledger(self) -> &'static str {
        self.pick(include_str!("postgres/health/basic_report.sql"), include_str!("sqlite/health/basic_report.sql"))
    }

    /// Reads the server's counters: `database`, `sessions` and `scans`, or the `file` of SQLite.
    pub(crate) fn read_server(self) -> &'static str {
        self.pick(include_str!("postgres/health/server.sql"), include_str!("sqlite/health/file.sql"))
    }

    /// Reads a `table` for each table: its size and estimated rows. For a small table, also `counted`: its rows and last
    /// change. For a larger one, `newest`: the last change that an index can find. Needs the newest schema.
    pub(crate) fn read_table_figures(self) -> &'static str {
        self.pick(
            concat!(include_str!("postgres/health/rights.sql"), include_str!("postgres/health/tables.sql")),
            include_str!("sqlite/health/tables.sql"),
        )
    }

    /// Reads a `missing_right` for each privilege that the role lacks, `may_write`, and a `row_security` for each table
    /// with policies. Part of [`Self::read_table_figures`].
    pub(crate) fn read_rights(self) -> &'static str {
        self.pick(include_str!("postgres/health/rights.sql"), "")
    }

    /// Reads counts of accounts, tokens and events as `accounts`, and the last runs. Needs the newest schema.
    pub(crate) fn read_accounts(self) -> String {
        let sql = self.pick(include_str!("postgres/health/accounts.sql"), include_str!("sqlite/health/accounts.sql"));
        sql.replace(":is_own_run", self.is_own_run())
    }

    /// Reads a `behind` for each sequence below the ids of its table, with a statement that corrects the sequence. Needs
    /// the newest schema.
    pub(crate) fn read_sequences_behind(self) -> &'static str {
        self.pick(include_str!("postgres/health/sequences.sql"), include_str!("sqlite/health/sequences.sql"))
    }

    /// Reads indexes, sequences, sessions, and the schema of `pg_stat_statements`.
    pub(crate) fn read_maintenance(self) -> &'static str {
        self.pick(include_str!("postgres/health/maintenance.sql"), include_str!("sqlite/health/maintenance.sql"))
    }

    /// Reads `statements`: the number of statements slower than `slow_ms`, the mean time, and the number of hidden
    /// statements. Then a `statement` for each of the slowest. `schema` is quoted. `time` is the end of the columns'
    /// names: `exec_time` since PostgreSQL 13, `time` before.
    pub(crate) fn read_statements(self, schema: &str, time: &str, slow_ms: f64) -> String {
        let sql = self.pick(include_str!("postgres/health/statements.sql"), "");
        sql.replace(":schema", schema).replace(":time", time).replace(":slow", &slow_ms.to_string())
    }

    /// Reads `failed_logins`, and the counts of each cleanup as `settled_deletions` or `recent_deletions`. Times are in
    /// the format of RFC 3339.
    pub(crate) fn read_counters(self, since: &str, settled: &str) -> String {
        let sql = self.pick(include_str!("postgres/health/counters.sql"), include_str!("sqlite/health/counters.sql"));
        sql.replace(":since", since).replace(":settled", settled).replace(":is_own_run", self.is_own_run())
    }

    /// Reads the number of seed accounts that are not deleted, as `accounts`. They have one of these addresses, or the seed
    /// migration of the legacy manager created them. The latter share one hash, which salted hashes never do, and are
    /// the first in the table.
    pub(crate) fn read_seed_accounts(self, addresses: &[String]) -> String {
        let addresses: Vec<String> = addresses.iter().map(|address| self.literal(&address.to_lowercase())).collect();
        let addresses = addresses.join(", ");
        let email = self.pick("lower(email COLLATE \"C\")", "lower(email)");
        let object = self.pick("json_build_object", "json_object");
        format!(
            "SELECT 'accounts', {object}('seed_accounts', count(*)) FROM users WHERE deleted_at IS NULL AND ({email} IN ({addresses}) \
             OR (id <= 1000 AND password_hash IN (SELECT password_hash FROM users WHERE id <= 1000 AND password_hash <> '' \
             GROUP BY password_hash HAVING count(*) > 1)))"
        )
    }

    /// Reads the defects that SQLite finds in its file, one row each, or `ok`.
    pub(crate) fn quick_check(self) -> Option<&'static str> {
        self.pick(None, Some("PRAGMA quick_check(20)"))
    }
}
