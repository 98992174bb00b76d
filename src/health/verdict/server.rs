//! Checks of connections, cache, long-running statements and the server's clock.

use std::path::Path;
use std::time::Duration;

use rustix::fs::Access;

use crate::db::{DatabaseTarget, DatabaseUrl, PoolUsage, SqliteTarget};
use crate::health::check::{HealthCheck, HealthStatus};
use crate::health::pluralized::pluralized;
use crate::health::report::PerformanceHealth;
use crate::health::server::{DatabaseCounters, ServerCounters, SessionCounters};
use crate::health::thresholds::Thresholds;

/// Number of blocks below which the ratio is not meaningful.
const ENOUGH_BLOCKS: f64 = 100_000.0;

/// Check of the program's own connections. This report itself always uses one.
pub(super) fn pool(usage: PoolUsage) -> HealthCheck {
    let message = format!("{} of {} connections of this program are in use", usage.in_use, usage.most);
    if usage.in_use < usage.most || usage.most <= 1 {
        return HealthCheck::healthy("pool", message);
    }
    HealthCheck::new(
        "pool",
        HealthStatus::Degraded,
        message,
        "requests wait for a connection: look for slow or blocked queries",
    )
}

/// Check whether the database accepts writes, without which no account can log in.
pub(super) fn writes(database: Option<&DatabaseCounters>, url: &DatabaseUrl) -> Option<HealthCheck> {
    if let DatabaseTarget::Sqlite(target) = url.target() {
        return Some(writes_to_file(target));
    }
    let database = database?;
    if !database.is_read_only {
        return Some(HealthCheck::healthy("writes", "the server accepts writes"));
    }
    let (message, hint) = if !database.is_standby {
        let source = database.read_only_source.as_deref().unwrap_or("unknown");
        (
            format!(
                "the server accepts no writes, so no account can log in: default_transaction_read_only is on (set by: {source})"
            ),
            "no failover changes this: reset default_transaction_read_only of the role, the database or the server"
                .to_owned(),
        )
    } else {
        (
            "the server accepts no writes, so no account can log in: it is a standby".to_owned(),
            "connect to the primary (target_session_attrs=read-write in DATABASE_URL)".to_owned(),
        )
    };
    Some(HealthCheck::new("writes", HealthStatus::Degraded, message, hint))
}

/// Checks that this user may write the file and its directory, in which SQLite creates its log.
fn writes_to_file(target: &SqliteTarget) -> HealthCheck {
    let directory = target.path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let places = [target.path.as_path(), directory.unwrap_or(Path::new("."))];
    let refused = |path: &&Path| rustix::fs::access(*path, Access::WRITE_OK).is_err();
    let Some(refused) = places.iter().find(|path| refused(path)) else {
        return HealthCheck::healthy("writes", "the file can be written");
    };
    let message = format!("`{}` cannot be written, so no account can log in", refused.display());
    let hint = "let this user write the file and its directory; look for a read-only mount";
    HealthCheck::new("writes", HealthStatus::Degraded, message, hint)
}

pub(super) fn connections(sessions: &SessionCounters, thresholds: &Thresholds) -> HealthCheck {
    let (all, most) = (sessions.connections, sessions.max_connections);
    let message = format!("{all} of the server's {most} connections are in use");
    let is_many = all / most * 100.0 > thresholds.connections;
    if is_many {
        let hint =
            "put a pooler in front of the server, or raise max_connections (AUTHSVC_HEALTH_CONNECTIONS is the limit)";
        HealthCheck::new("connections", HealthStatus::Degraded, message, hint)
    } else {
        HealthCheck::healthy("connections", message)
    }
}

pub(super) fn cache(
    database: Option<&DatabaseCounters>,
    performance: &PerformanceHealth,
    thresholds: &Thresholds,
) -> Option<HealthCheck> {
    let ratio = performance.cache_hit_ratio?;
    let database = database?;
    let blocks = database.blocks_hit + database.blocks_read;
    let message = format!("{ratio} % of blocks came from the server's cache");
    if ratio >= thresholds.cache_hit || blocks < ENOUGH_BLOCKS {
        return Some(HealthCheck::healthy("cache", message));
    }
    let hint = "raise shared_buffers, or look for queries without an index (AUTHSVC_HEALTH_CACHE_HIT is the limit)";
    Some(HealthCheck::new("cache", HealthStatus::Degraded, message, hint))
}

pub(super) fn long_queries(performance: &PerformanceHealth, thresholds: &Thresholds) -> Option<HealthCheck> {
    let long = performance.long_running_queries?;
    let limit = humantime::format_duration(thresholds.long_query);
    if long == 0 {
        return Some(HealthCheck::healthy("long_queries", format!("no statement runs for longer than {limit}")));
    }
    let message = pluralized(long, "statement runs", "statements run") + &format!(" for longer than {limit}");
    let hint = "`authsvc detailed-health` names them; end one with SELECT pg_cancel_backend(pid)";
    Some(HealthCheck::new("long_queries", HealthStatus::Degraded, message, hint))
}

pub(super) fn long_transactions(server: &ServerCounters, thresholds: &Thresholds) -> Option<HealthCheck> {
    let (sessions, prepared) = (server.sessions.as_ref()?, server.prepared.as_ref()?);
    let oldest = sessions.oldest_transaction.max(prepared.oldest);
    let oldest = Duration::try_from_secs_f64(oldest.round()).unwrap_or_default();
    let age = humantime::format_duration(oldest);
    let message = format!(
        "the oldest transaction is {age} old, {} are idle, {} are prepared",
        sessions.idle_in_transaction, prepared.count
    );
    if oldest <= thresholds.long_transaction {
        // hidden transactions may be older
        return sessions.why_hidden().is_none().then(|| HealthCheck::healthy("long_transactions", message));
    }
    let hint = "it keeps dead rows from being removed; find it with `authsvc detailed-health` and end it with \
                pg_terminate_backend(pid), or in pg_prepared_xacts and end it with ROLLBACK PREPARED";
    Some(HealthCheck::new("long_transactions", HealthStatus::Degraded, message, hint))
}

pub(super) fn clock(skew: Option<f64>, thresholds: &Thresholds) -> Option<HealthCheck> {
    let skew = skew?;
    if skew.abs() <= thresholds.clock_skew.as_secs_f64() {
        return Some(HealthCheck::healthy("clock", format!("the database's clock differs by {:.1} s", skew.abs())));
    }
    let message =
        format!("the database's clock is {:.1} s {}", skew.abs(), if skew > 0.0 { "ahead" } else { "behind" });
    Some(HealthCheck::new(
        "clock",
        HealthStatus::Degraded,
        message,
        "set both machines' clocks by NTP; the database's clock decides",
    ))
}
