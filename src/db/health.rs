//! Queries of the health reports for each engine. Every row begins with a word that names its kind. All columns are
//! text.

use super::Backend;

impl Backend {
    /// Reads `version`, version, clock (Unix seconds), and then the rows of [`Self::read_ledger`].
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

    /// Reads `table`, name, bytes, estimated rows. For a small table, also `counted`, name, rows, last change. For a
    /// larger one, `newest`, name, last change that an index can find. Needs the newest schema.
    pub(crate) fn read_table_figures(self) -> &'static str {
        self.pick(
            concat!(include_str!("postgres/health/rights.sql"), include_str!("postgres/health/tables.sql")),
            include_str!("sqlite/health/tables.sql"),
        )
    }

    /// Reads `missing_right`, privilege, object, and what fails without it. Also `may_write`, the number of rights to
    /// change tables that the role has, and `row_security`, table, number of policies that let the role see rows. Part
    /// of [`Self::read_table_figures`].
    pub(crate) fn read_rights(self) -> &'static str {
        self.pick(include_str!("postgres/health/rights.sql"), "")
    }

    /// Reads counts of accounts, tokens and events, and the last runs. Needs the newest schema.
    pub(crate) fn read_accounts(self) -> String {
        let sql = self.pick(include_str!("postgres/health/accounts.sql"), include_str!("sqlite/health/accounts.sql"));
        sql.replace(":is_own_run", self.is_own_run())
    }

    /// Reads one row for each sequence below the ids of its table. Its columns are `behind`, table, greatest id, a
    /// statement that corrects the sequence, and `fails` or `goes on`. Needs the newest schema.
    pub(crate) fn read_sequences_behind(self) -> &'static str {
        self.pick(include_str!("postgres/health/sequences.sql"), include_str!("sqlite/health/sequences.sql"))
    }

    /// Reads indexes, sequences, sessions, and the schema of `pg_stat_statements`.
    pub(crate) fn read_maintenance(self) -> &'static str {
        self.pick(include_str!("postgres/health/maintenance.sql"), include_str!("sqlite/health/maintenance.sql"))
    }

    /// Reads `statistics`, number of statements slower than `slow_ms`, mean in ms, number of hidden statements. Then
    /// `statement`, text, calls, mean, total. `schema` is quoted. `time` is the end of the columns' names: `exec_time`
    /// since PostgreSQL 13, `time` before.
    pub(crate) fn read_statements(self, schema: &str, time: &str, slow_ms: f64) -> String {
        let sql = self.pick(include_str!("postgres/health/statements.sql"), "");
        sql.replace(":schema", schema).replace(":time", time).replace(":slow", &slow_ms.to_string())
    }

    /// Reads `failed`, settled, recent, and `deleted`, `settled` or `recent`, counts as JSON. Times are in the format
    /// of RFC 3339.
    pub(crate) fn read_counters(self, since: &str, settled: &str) -> String {
        let sql = self.pick(include_str!("postgres/health/counters.sql"), include_str!("sqlite/health/counters.sql"));
        sql.replace(":since", since).replace(":settled", settled).replace(":is_own_run", self.is_own_run())
    }

    /// Reads `seed` and a number of accounts that are not deleted. They have one of these addresses, or the seed
    /// migration of the legacy manager created them. The latter share one hash, which salted hashes never do, and are
    /// the first in the table.
    pub(crate) fn read_seed_accounts(self, addresses: &[String]) -> String {
        let addresses: Vec<String> = addresses.iter().map(|address| self.literal(&address.to_lowercase())).collect();
        let addresses = addresses.join(", ");
        let email = self.pick("lower(email COLLATE \"C\")", "lower(email)");
        format!(
            "SELECT 'seed', CAST(count(*) AS VARCHAR) FROM users WHERE deleted_at IS NULL AND ({email} IN ({addresses}) \
             OR (id <= 1000 AND password_hash IN (SELECT password_hash FROM users WHERE id <= 1000 AND password_hash <> '' \
             GROUP BY password_hash HAVING count(*) > 1)))"
        )
    }

    /// Reads the defects that SQLite finds in its file, one row each, or `ok`.
    pub(crate) fn quick_check(self) -> Option<&'static str> {
        self.pick(None, Some("PRAGMA quick_check(20)"))
    }
}
