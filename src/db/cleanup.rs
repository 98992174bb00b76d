//! Rows that have had their time, removed in batches that block nobody. The database's clock decides.
//!
//! Two ways lead to them on PostgreSQL. In the order of an index, by `ctid`: right when few of many rows go. In ranges of the
//! table's pages: right when many go, because an index is then left and entered once for each row. Rows that somebody holds are
//! passed over, and what a crash undoes is there again, because batches do not wait for the disk; the next run finds both.

use std::time::Duration;

use super::known_devices::KNOWN_DAYS;
use super::{Backend, Connection, DbErrorKind, Error};

/// A kind of rows that have had their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupKind {
    /// Refresh tokens past their time.
    ExpiredTokens,
    /// Refresh tokens revoked more than a day ago, or at an unknown time. Until then they tell of a theft. A used token is kept as long as
    /// its follower was not used: the answer may have been lost (`db/rotation.rs`).
    RevokedTokens,
    /// Tokens of providers past their time: erased, the link to the account stays.
    OauthTokens,
    /// Events older than their retention.
    AuthEvents,
    /// Records of runs older than theirs.
    MaintenanceRuns,
    /// Counts of failed logins that nobody added to for a day.
    LoginThrottles,
    /// Used OAuth states that would have expired an hour ago.
    OauthStates,
    /// Devices without a login for 90 days.
    KnownDevices,
}

/// The size of a table of PostgreSQL.
pub(crate) struct TableSizeEstimate {
    /// Rows, as the planner estimates them; negative where the table was never analysed.
    pub(crate) rows: f64,
    /// Pages of the file.
    pub(crate) pages: u64,
}

/// How long what only tells of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionDays {
    /// Days of `auth_events`.
    pub auth_events: u32,
    /// Days of `maintenance_runs`.
    pub maintenance_runs: u32,
}

impl CleanupKind {
    /// In the order in which they are removed.
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

    /// Which rows, and the column of the index that leads to them.
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
            // the newest of each kind and outcome is kept, of this database: alerts and checks end with a success, never with a retention
            Self::MaintenanceRuns => (
                format!(
                    "started_at < {} AND (kind, coalesce(outcome, ''), started_at) NOT IN (SELECT kind, coalesce(outcome, ''), \
                     max(started_at) FROM maintenance_runs WHERE {} GROUP BY 1, 2)",
                    ago(retention.maintenance_runs * 24),
                    backend.is_own_run()
                ),
                "started_at",
            ),
            // an hour more, because those who wrote the times may have a clock that is behind
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

/// No statement of a cleanup takes longer, whatever it meets. It does not wait for the disk either: a batch that a crash undoes is
/// removed again, and the record of the end waits for all of them.
const LIMITS: &str =
    "SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '50ms'; SET LOCAL synchronous_commit = off; ";

/// What only counts waits so long for a table that another session holds locked.
const PATIENCE: &str = "SET LOCAL lock_timeout = '2s'; ";

impl Connection {
    /// How many of this kind would be removed; a token that is expired and revoked goes as an expired one.
    ///
    /// # Errors
    /// What the database said.
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

    /// Removes so many at most, in a transaction of its own; how many.
    ///
    /// # Errors
    /// What the database said; nothing of this batch is removed then.
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

    /// Removes those in the table's pages from one on and before another; how many. Where somebody holds one of them it is tried
    /// again without those that are held.
    ///
    /// # Errors
    /// What the database said; nothing of these pages is removed then.
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

    /// Rows of a table, as the planner has them, and its pages now; `None` where ranges of pages cannot be read by themselves: on SQLite,
    /// and before PostgreSQL 14, which reads the whole table for each.
    ///
    /// # Errors
    /// What the database said.
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
