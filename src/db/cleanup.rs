//! Removes expired rows in small batches that do not block other sessions. The database's clock decides which rows are
//! expired.
//!
//! PostgreSQL has two methods. By index order and `ctid`: efficient when few of many rows are removed. By ranges of
//! table pages: efficient when many rows are removed, because the index is not searched again for each row. Rows that
//! another session has locked are skipped. Batches do not wait for the disk, so a crash may undo them. The next run
//! removes such rows.

use std::time::Duration;

use super::known_devices::KNOWN_DAYS;
use super::{Backend, Connection, DbErrorKind, Error};

/// Kind of rows that cleanup removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupKind {
    /// Refresh tokens after their expiry.
    ExpiredTokens,
    /// Refresh tokens that were revoked more than a day ago, or at an unknown time. Within a day they reveal a theft. A
    /// used token is kept until its successor is used, because the response may have been lost (`db/rotation.rs`).
    RevokedTokens,
    /// Expired tokens of providers. The tokens are erased, and the link to the account is kept.
    OauthTokens,
    /// Audit events older than their retention.
    AuthEvents,
    /// Records of maintenance runs older than their retention.
    MaintenanceRuns,
    /// Counters of failed logins without a failure for one day.
    LoginThrottles,
    /// Used OAuth states, one hour after their expiry.
    OauthStates,
    /// Known devices without a login for 90 days.
    KnownDevices,
}

/// Estimated size of a PostgreSQL table.
pub(crate) struct TableSizeEstimate {
    /// Row count estimated by the planner; negative if the table was never analysed.
    pub(crate) rows: f64,
    /// Number of pages in the table's file.
    pub(crate) pages: u64,
}

/// Retention of the audit log and of the records of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionDays {
    /// Retention of `auth_events`, in days.
    pub auth_events: u32,
    /// Retention of `maintenance_runs`, in days.
    pub maintenance_runs: u32,
}

impl CleanupKind {
    /// All kinds, in the order in which cleanup removes them.
    pub const ALL: [Self; 8] = [
        Self::ExpiredTokens,
        Self::RevokedTokens,
        Self::OauthTokens,
        Self::AuthEvents,
        Self::MaintenanceRuns,
        Self::LoginThrottles,
        Self::OauthStates,
        Self::KnownDevices,
    ];

    fn table(self) -> &'static str {
        match self {
            Self::ExpiredTokens | Self::RevokedTokens => "refresh_tokens",
            Self::OauthTokens => "oauth_providers",
            Self::AuthEvents => "auth_events",
            Self::MaintenanceRuns => "maintenance_runs",
            Self::LoginThrottles => "login_throttles",
            Self::OauthStates => "oauth_states",
            Self::KnownDevices => "known_devices",
        }
    }

    /// Returns the SQL condition of the rows to remove, and the indexed column that finds them.
    fn condition(self, backend: Backend, retention: RetentionDays) -> (String, &'static str) {
        let ago = |hours: u32| backend.ago(Duration::from_secs(u64::from(hours) * 3600));
        match self {
            Self::ExpiredTokens => (format!("expires_at < {}", ago(0)), "expires_at"),
            Self::RevokedTokens => {
                let condition = format!(
                    "revoked AND (revoked_at IS NULL OR revoked_at < {}) AND (rotated_at IS NULL OR NOT EXISTS (SELECT 1 FROM \
                     refresh_tokens AS follower WHERE follower.id = refresh_tokens.replaced_by AND NOT follower.revoked \
                     AND follower.access_used_at IS NULL))",
                    ago(24)
                );
                (condition, "revoked_at")
            }
            Self::OauthTokens => (format!("access_token IS NOT NULL AND expires_at < {}", ago(0)), "expires_at"),
            Self::AuthEvents => (format!("occurred_at < {}", ago(retention.auth_events * 24)), "occurred_at"),
            // the newest run of each kind and outcome in this database is kept: a later success must end an alert, and
            // retention must not
            Self::MaintenanceRuns => (
                format!(
                    "started_at < {} AND (kind, coalesce(outcome, ''), started_at) NOT IN (SELECT kind, coalesce(outcome, ''), \
                     max(started_at) FROM maintenance_runs WHERE {} GROUP BY 1, 2)",
                    ago(retention.maintenance_runs * 24),
                    backend.is_own_run()
                ),
                "started_at",
            ),
            // one hour more, because the clock of the process that wrote the times may be slow
            Self::LoginThrottles => (format!("last_failed_at < {}", ago(25)), "last_failed_at"),
            Self::OauthStates => (format!("expires_at < {}", ago(1)), "expires_at"),
            Self::KnownDevices => (format!("last_login_at < {}", ago(KNOWN_DAYS * 24 + 1)), "last_login_at"),
        }
    }

    fn change(self, backend: Backend) -> String {
        match self {
            Self::OauthTokens => {
                let now = backend.ago(Duration::ZERO);
                format!(
                    "UPDATE oauth_providers SET access_token = NULL, refresh_token = NULL, expires_at = NULL, \
                     key_id = NULL, updated_at = {now} WHERE"
                )
            }
            _ => format!("DELETE FROM {} WHERE", self.table()),
        }
    }
}

/// Limits of every cleanup statement. A commit does not wait for the disk: if a crash undoes a batch, the next run
/// removes its rows again. The record of the run's end waits for the disk, and with it every batch.
const LIMITS: &str =
    "SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '50ms'; SET LOCAL synchronous_commit = off; ";

/// Wait limit of a count for a table that another session has locked.
const PATIENCE: &str = "SET LOCAL lock_timeout = '2s'; ";

impl Connection {
    /// Counts the rows of this kind that would be removed. A token that is both expired and revoked counts as expired.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub(crate) async fn count_removable(&mut self, kind: CleanupKind, retention: RetentionDays) -> Result<u64, Error> {
        let (mut condition, _) = kind.condition(self.backend(), retention);
        if kind == CleanupKind::RevokedTokens {
            let (expired, _) = CleanupKind::ExpiredTokens.condition(self.backend(), retention);
            condition = format!("({condition}) AND NOT ({expired})");
        }
        let patience = self.backend().pick(PATIENCE, "");
        let rows = self
            .query_partial(format!(
                "{patience}SELECT CAST(count(*) AS VARCHAR) FROM {} WHERE {condition}",
                kind.table()
            ))
            .await;
        let counts = super::first_column(rows.complete()?);
        Ok(counts.first().and_then(|count| count.parse().ok()).unwrap_or_default())
    }

    /// Removes at most `limit` rows in one transaction. Returns how many it removed.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing of this batch is
    /// removed.
    pub(crate) async fn remove_batch(
        &mut self,
        kind: CleanupKind,
        retention: RetentionDays,
        limit: u64,
    ) -> Result<u64, Error> {
        let (condition, order) = kind.condition(self.backend(), retention);
        let (table, change) = (kind.table(), kind.change(self.backend()));
        let sql = self.backend().pick(
            format!(
                "{LIMITS}{change} ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {condition} ORDER BY {order} \
                 LIMIT {limit} FOR UPDATE SKIP LOCKED))"
            ),
            format!("{change} rowid IN (SELECT rowid FROM {table} WHERE {condition} ORDER BY {order} LIMIT {limit})"),
        );
        self.change(sql).await
    }

    /// Removes the expired rows in a range of the table's pages. Returns how many it removed. If another session has
    /// locked one of them, a second attempt skips the locked rows.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing of these pages is
    /// removed.
    pub(crate) async fn remove_in_pages(
        &mut self,
        kind: CleanupKind,
        retention: RetentionDays,
        pages: std::ops::Range<u64>,
    ) -> Result<u64, Error> {
        let (condition, _) = kind.condition(self.backend(), retention);
        let (table, change) = (kind.table(), kind.change(self.backend()));
        let rows = format!("ctid >= '({},0)' AND ctid < '({},0)' AND {condition}", pages.start, pages.end);
        match self.change(format!("{LIMITS}{change} {rows}")).await {
            Err(error) if error.kind() == DbErrorKind::Locked => {
                let free = format!("SELECT ctid FROM {table} WHERE {rows} FOR UPDATE SKIP LOCKED");
                self.change(format!("{LIMITS}{change} ctid = ANY (ARRAY({free}))")).await
            }
            done => done,
        }
    }

    /// Returns the planner's row estimate and the current number of pages. Returns `None` if page ranges cannot be read
    /// separately: on SQLite, and before PostgreSQL 14, which reads the whole table for each range.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub(crate) async fn size_of(&mut self, kind: CleanupKind) -> Result<Option<TableSizeEstimate>, Error> {
        if self.backend() == Backend::Sqlite {
            return Ok(None);
        }
        let sql = format!(
            "{PATIENCE}SELECT reltuples::text, (pg_relation_size(oid) / current_setting('block_size')::bigint)::text \
             FROM pg_class WHERE oid = '{}'::regclass AND current_setting('server_version_num')::int >= 140000",
            kind.table()
        );
        let rows = self.query_partial(sql).await.complete()?;
        let number = |at: usize| rows.first().and_then(|row| row.get(at)?.clone());
        let (rows, pages) =
            (number(0).and_then(|rows| rows.parse().ok()), number(1).and_then(|pages| pages.parse().ok()));
        Ok(rows.zip(pages).map(|(rows, pages)| TableSizeEstimate { rows, pages }))
    }
}
