//! What the health reports ask of each engine. Every row begins with the word that tells what it is; all columns are text.

use super::Backend;

impl Backend {
    /// `version`, version, clock (Unix seconds); then the rows of [`Self::read_ledger`].
    pub(crate) fn read_basic_report(self) -> &'static str {
        self.pick(
            concat!(include_str!("postgres/health/basic_report.sql"), include_str!("postgres/ledger.sql")),
            concat!(include_str!("sqlite/health/basic_report.sql"), include_str!("sqlite/ledger.sql")),
        )
    }

    /// The first rows of the basic report, of a database without a ledger.
    pub(crate) fn read_basic_report_without_ledger(self) -> &'static str {
        self.pick(include_str!("postgres/health/basic_report.sql"), include_str!("sqlite/health/basic_report.sql"))
    }

    /// What the server counts: `database`, `sessions` and `scans`, or the `file` of SQLite.
    pub(crate) fn read_server(self) -> &'static str {
        self.pick(include_str!("postgres/health/server.sql"), include_str!("sqlite/health/file.sql"))
    }

    /// `table`, name, bytes, an estimate of its rows; `counted`, name, rows, last change, of a small one; `newest`, name, last change as
    /// far as an index tells, of another one. Needs the newest schema.
    pub(crate) fn read_table_figures(self) -> &'static str {
        self.pick(
            concat!(include_str!("postgres/health/rights.sql"), include_str!("postgres/health/tables.sql")),
            include_str!("sqlite/health/tables.sql"),
        )
    }

    /// `missing_right`, privilege, object, what fails without it; `may_write`, how many rights to change tables the role has;
    /// `row_security`, table, how many policies let the role see rows. Part of [`Self::read_table_figures`].
    pub(crate) fn read_rights(self) -> &'static str {
        self.pick(include_str!("postgres/health/rights.sql"), "")
    }

    /// Counts of accounts, tokens and events, and the last runs. Needs the newest schema.
    pub(crate) fn read_accounts(self) -> String {
        let sql = self.pick(include_str!("postgres/health/accounts.sql"), include_str!("sqlite/health/accounts.sql"));
        sql.replace(":is_own_run", self.is_own_run())
    }

    /// `behind`, table, its greatest id, a statement that corrects its sequence, `fails` or `goes on`: for each sequence below the
    /// ids of its table. Needs the newest schema.
    pub(crate) fn read_sequences_behind(self) -> &'static str {
        self.pick(include_str!("postgres/health/sequences.sql"), include_str!("sqlite/health/sequences.sql"))
    }

    /// Indexes, sequences, sessions, and where `pg_stat_statements` is.
    pub(crate) fn read_maintenance(self) -> &'static str {
        self.pick(include_str!("postgres/health/maintenance.sql"), include_str!("sqlite/health/maintenance.sql"))
    }

    /// `statistics`, how many are slower than this, mean in ms, how many are hidden; `statement`, text, calls, mean, total. `schema` is quoted, `time` is
    /// how the columns end: `exec_time` since PostgreSQL 13, `time` before.
    pub(crate) fn read_statements(self, schema: &str, time: &str, slow_ms: f64) -> String {
        let sql = self.pick(include_str!("postgres/health/statements.sql"), "");
        sql.replace(":schema", schema).replace(":time", time).replace(":slow", &slow_ms.to_string())
    }

    /// `failed`, settled, recent; `deleted`, `settled` or `recent`, counts as JSON. Times are RFC 3339.
    pub(crate) fn read_counters(self, since: &str, settled: &str) -> String {
        let sql = self.pick(include_str!("postgres/health/counters.sql"), include_str!("sqlite/health/counters.sql"));
        sql.replace(":since", since).replace(":settled", settled).replace(":is_own_run", self.is_own_run())
    }

    /// `seed`, how many accounts that are not deleted have one of these addresses, or were made by the earlier manager's seed
    /// migration: those share one hash, which salted hashes never do, and are the first in the table.
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

    /// What SQLite finds wrong in its file, a row each; `ok`: nothing.
    pub(crate) fn quick_check(self) -> Option<&'static str> {
        self.pick(None, Some("PRAGMA quick_check(20)"))
    }
}
