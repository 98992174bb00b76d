//! Connections, the cache, what runs for long, and the server's clock.

use std::path::Path;
use std::time::Duration;

use rustix::fs::Access;

use super::counted;
use crate::db::{DatabaseUrl, SqliteTarget, Target, Usage};
use crate::health::check::{Check, Status};
use crate::health::facts::Facts;
use crate::health::performance::unseen;
use crate::health::report::Performance;
use crate::health::thresholds::Thresholds;

/// A ratio over fewer blocks says nothing.
const ENOUGH_BLOCKS: f64 = 100_000.0;

/// The program's own connections. One that is in use by this report is always there.
pub(super) fn pool(usage: Usage) -> Check {
    let message = format!("{} of {} connections of this program are in use", usage.in_use, usage.most);
    if usage.in_use < usage.most || usage.most <= 1 {
        return Check::healthy("pool", message);
    }
    Check::new("pool", Status::Degraded, message, "requests wait for a connection: look for slow or blocked queries")
}

/// Without them nobody can log in.
pub(super) fn writes(facts: &Facts, url: &DatabaseUrl) -> Option<Check> {
    if let Target::Sqlite(target) = url.target() {
        return Some(writes_to_file(target));
    }
    let database = facts.one("database");
    if database.text(4)? == "off" {
        return Some(Check::healthy("writes", "the server takes writes"));
    }
    let (message, hint) = if database.text(5) == Some("false") {
        let source = database.text(6).unwrap_or("unknown");
        (
            format!(
                "the server accepts no writes, so nobody can log in: default_transaction_read_only is on (set by: {source})"
            ),
            "no failover changes this: reset default_transaction_read_only of the role, the database or the server"
                .to_owned(),
        )
    } else {
        (
            "the server accepts no writes, so nobody can log in: it is a standby".to_owned(),
            "connect to the primary (target_session_attrs=read-write in DATABASE_URL)".to_owned(),
        )
    };
    Some(Check::new("writes", Status::Degraded, message, hint))
}

/// Whether this user may write the file, and its directory, in which SQLite makes its log.
fn writes_to_file(target: &SqliteTarget) -> Check {
    let directory = target.path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let places = [target.path.as_path(), directory.unwrap_or(Path::new("."))];
    let refused = |path: &&Path| rustix::fs::access(*path, Access::WRITE_OK).is_err();
    let Some(refused) = places.iter().find(|path| refused(path)) else {
        return Check::healthy("writes", "the file can be written");
    };
    let message = format!("`{}` cannot be written, so nobody can log in", refused.display());
    let hint = "let this user write the file and its directory; look for a read-only mount";
    Check::new("writes", Status::Degraded, message, hint)
}

pub(super) fn connections(facts: &Facts, thresholds: &Thresholds) -> Option<Check> {
    let sessions = facts.one("sessions");
    let (all, most): (f64, f64) = (sessions.number(7)?, sessions.number(8)?);
    let message = format!("{all} of the server's {most} connections are in use");
    let is_many = all / most * 100.0 > thresholds.connections;
    Some(if is_many {
        let hint =
            "put a pooler in front of the server, or raise max_connections (AUTHSVC_HEALTH_CONNECTIONS is the limit)";
        Check::new("connections", Status::Degraded, message, hint)
    } else {
        Check::healthy("connections", message)
    })
}

pub(super) fn cache(facts: &Facts, performance: &Performance, thresholds: &Thresholds) -> Option<Check> {
    let ratio = performance.cache_hit_ratio?;
    let database = facts.one("database");
    let blocks: f64 = database.number::<f64>(0)? + database.number::<f64>(1)?;
    let message = format!("{ratio} % of blocks came from the server's cache");
    if ratio >= thresholds.cache_hit || blocks < ENOUGH_BLOCKS {
        return Some(Check::healthy("cache", message));
    }
    let hint = "raise shared_buffers, or look for queries without an index (AUTHSVC_HEALTH_CACHE_HIT is the limit)";
    Some(Check::new("cache", Status::Degraded, message, hint))
}

pub(super) fn long_queries(performance: &Performance, thresholds: &Thresholds) -> Option<Check> {
    let long = performance.long_running_queries?;
    let limit = humantime::format_duration(thresholds.long_query);
    if long == 0 {
        return Some(Check::healthy("long_queries", format!("no statement runs for longer than {limit}")));
    }
    let message = counted(long, "statement runs", "statements run") + &format!(" for longer than {limit}");
    let hint = "`authsvc detailed-health` names them; end one with SELECT pg_cancel_backend(pid)";
    Some(Check::new("long_queries", Status::Degraded, message, hint))
}

pub(super) fn long_transactions(facts: &Facts, thresholds: &Thresholds) -> Option<Check> {
    let (sessions, prepared) = (facts.one("sessions"), facts.one("prepared"));
    let (idle, oldest): (u64, f64) = (sessions.number(2)?, sessions.number(5)?);
    let (waiting, oldest_waiting): (u64, f64) = (prepared.number(0)?, prepared.number(1)?);
    let oldest = Duration::try_from_secs_f64(oldest.max(oldest_waiting).round()).unwrap_or_default();
    let age = humantime::format_duration(oldest);
    let message = format!("the oldest transaction is {age} old, {idle} are idle, {waiting} are prepared");
    if oldest <= thresholds.long_transaction {
        // those that cannot be seen may be older
        return unseen(facts).is_none().then(|| Check::healthy("long_transactions", message));
    }
    let hint = "it keeps dead rows from being removed; find it with `authsvc detailed-health` and end it with \
                pg_terminate_backend(pid), or in pg_prepared_xacts and end it with ROLLBACK PREPARED";
    Some(Check::new("long_transactions", Status::Degraded, message, hint))
}

pub(super) fn clock(skew: Option<f64>, thresholds: &Thresholds) -> Option<Check> {
    let skew = skew?;
    if skew.abs() <= thresholds.clock_skew.as_secs_f64() {
        return Some(Check::healthy("clock", format!("the database's clock differs by {:.1} s", skew.abs())));
    }
    let message =
        format!("the database's clock is {:.1} s {}", skew.abs(), if skew > 0.0 { "ahead" } else { "behind" });
    Some(Check::new("clock", Status::Degraded, message, "set both machines' clocks by NTP; the database's decides"))
}
