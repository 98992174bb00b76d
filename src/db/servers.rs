//! The pool of connections to PostgreSQL, on whichever server is the right one now.
//!
//! A pool belongs to one server. Where a URL names several, and its pool fails, is slow to give a connection, or turns out to be
//! on a server that takes no writes, a task looks for the right server as [`hosts`] does and puts a new pool in the place of the
//! old one. Whoever waits for a connection of the old one waits on for one of the new; whoever has a query under way on the old
//! one is told that it is lost, because its server may never answer again. Nothing that was sent is sent again.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgPool, Postgres, SqlSafeStr as _, Transaction};
use tokio::sync::watch;

use super::connection::texts;
use super::error::{Error, Kind, NO_CONNECTION};
use super::hosts;
use super::pinned::{self, CommitWait, Home};
use super::routes::Routes;
use super::url::{NO_LIMIT, PostgresTarget, SessionAttrs};

/// For how long a connection is taken to be alive, and its server to be what it was, after its last use.
const TRUSTED: Duration = Duration::from_secs(1);
/// After so long without a connection it is looked whether the server is still the right one.
const SLOW: Duration = Duration::from_millis(500);
/// How long after a search in vain the next one begins.
const PAUSE: Duration = Duration::from_millis(200);

/// A pool, and the search for the server that it should be on.
pub(super) struct Servers {
    target: PostgresTarget,
    size: u32,
    current: watch::Sender<Current>,
    searching: AtomicBool,
    trouble: Mutex<Option<String>>,
    path: SearchPath,
}

/// The search_path that the newest connection of a pool found.
type SearchPath = Arc<Mutex<Option<String>>>;

#[derive(Clone)]
struct Current {
    at: usize,
    pool: PgPool,
    routes: Arc<Routes>,
}

/// A connection that was lent, and whether its pool is still the one in use.
pub(super) struct Lent<T> {
    pub(super) connection: T,
    pub(super) replaced: Replaced,
}

/// Tells when a pool is replaced.
pub(super) struct Replaced(watch::Receiver<Current>);

impl Replaced {
    /// Does the work, unless the pool is replaced before it is done.
    pub(super) async fn or<T>(&mut self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        tokio::select! {
            biased;
            done = work => done,
            _ = self.0.changed() => {
                let message = "its server is not the one in use any more";
                Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::ConnectionAborted, message)))
            }
        }
    }
}

/// What is thought of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It gives no answer: another one may be the right one.
    Silent,
    /// It is not what it was: its connections are useless, even if a new one to the same address is right.
    Changed,
}

impl Servers {
    /// A pool of so many connections, on the first host that is right, or where none is, on the first.
    pub(super) async fn open(target: &PostgresTarget, size: u32) -> Result<Arc<Self>, Error> {
        let found = match target.hosts.len() {
            1 if !Routes::is_open_question(target) => Ok(0),
            _ => hosts::connect(target).await.map(|(at, _)| at),
        };
        let (at, trouble) = match found {
            Ok(at) => (at, None),
            Err(error) => (0, Some(error.to_string()).filter(|_| target.hosts.len() > 1)),
        };
        let path = SearchPath::default();
        let current = watch::Sender::new(current(target, at, size, &path)?);
        let (searching, trouble) = (AtomicBool::new(false), Mutex::new(trouble));
        Ok(Arc::new(Self { target: target.clone(), size, current, searching, trouble, path }))
    }

    /// The pool in use.
    pub(super) fn pool(&self) -> PgPool {
        self.current.borrow().pool.clone()
    }

    /// Whether statements may be prepared under a name.
    pub(super) fn prepares(&self) -> bool {
        self.target.prepared_statements
    }

    /// Lends a connection.
    pub(super) async fn acquire(self: &Arc<Self>) -> Result<Lent<PoolConnection<Postgres>>, sqlx::Error> {
        self.lend(|pool| async move { pool.acquire().await }).await
    }

    /// Begins a transaction.
    pub(super) async fn begin(
        self: &Arc<Self>,
        wait: CommitWait,
    ) -> Result<Lent<Transaction<'static, Postgres>>, sqlx::Error> {
        self.lend(|pool| async move {
            let connection = pool.acquire().await?;
            let path = self.path.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let begin = pinned::begin_request(path.as_deref(), wait);
            Transaction::begin(connection, Some(AssertSqlSafe(begin).into_sql_str())).await
        })
        .await
    }

    /// What the pool in use gives, or the next one, if it is replaced before that.
    async fn lend<T, F>(self: &Arc<Self>, attempt: impl Fn(PgPool) -> F) -> Result<Lent<T>, sqlx::Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut current = self.current.subscribe();
        let mut tries = 0;
        loop {
            let Current { pool, routes, .. } = current.borrow_and_update().clone();
            let tried = routes.at();
            let lending = attempt(pool.clone());
            let slow = tokio::time::sleep(SLOW);
            tokio::pin!(lending, slow);
            let lent = loop {
                tokio::select! {
                    biased;
                    _ = current.changed() => break None,
                    lent = &mut lending => break Some(lent),
                    () = &mut slow, if !slow.is_elapsed() => self.search(Doubt::Silent),
                }
            };
            if let Some(lent) = lent {
                tries += 1;
                if let Err(error) = &lent
                    && tries < routes.len()
                    && routes.advance(tried, &Error::from(error))
                    && let Ok(options) = routes.options()
                {
                    pool.set_connect_options(options);
                    continue;
                }
                let lent = lent.inspect_err(|error| self.heed(error));
                return lent.map(|connection| Lent { connection, replaced: Replaced(current) });
            }
        }
    }

    /// Looks at what went wrong, and searches if the server may not be the right one any more.
    pub(super) fn heed(self: &Arc<Self>, error: &sqlx::Error) {
        match error {
            sqlx::Error::Database(error) => match error.code().as_deref() {
                // a write in a read-only transaction
                Some("25006") => self.search(Doubt::Changed),
                // it stops, crashed, or starts
                Some("57P01" | "57P02" | "57P03" | "08P01" | NO_CONNECTION) => self.search(Doubt::Silent),
                _ => {}
            },
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => self.search(Doubt::Silent),
            _ => {}
        }
    }

    /// Whether the server takes writes.
    pub(super) async fn check(self: &Arc<Self>) -> Result<(), Error> {
        let Lent { mut connection, mut replaced } = self.acquire().await?;
        let asked = replaced.or(hosts::refusal(&mut connection, SessionAttrs::ReadWrite)).await;
        match asked.inspect_err(|error| self.heed(error))? {
            None => {
                self.tell(None);
                Ok(())
            }
            Some(refusal) => {
                self.search(Doubt::Changed);
                Err(refusal)
            }
        }
    }

    /// The same error, and what came of the search for a server, if there was one.
    pub(super) fn explain(&self, error: Error) -> Error {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match trouble {
            Some(trouble) => error.retold(trouble),
            None => error,
        }
    }

    /// Closes the pool.
    pub(super) async fn close(&self) {
        self.pool().close().await;
    }

    /// Begins a search, unless there is one. An only server that is silent is found again by its pool.
    fn search(self: &Arc<Self>, doubt: Doubt) {
        if doubt == Doubt::Silent && self.target.hosts.len() == 1 {
            return;
        }
        if !self.searching.swap(true, Ordering::AcqRel) {
            tokio::spawn(search(Arc::downgrade(self), doubt));
        }
    }

    fn found(&self, at: usize, doubt: Doubt) {
        self.tell(None);
        if at == self.current.borrow().at && doubt == Doubt::Silent {
            return;
        }
        match current(&self.target, at, self.size, &self.path) {
            Ok(new) => {
                if let Some(host) = self.target.hosts.get(at) {
                    tracing::info!(%host, "this database server is in use now");
                }
                let old = self.current.send_replace(new).pool;
                // what is lent of it may never come back
                tokio::spawn(async move { old.close().await });
            }
            Err(error) => self.tell(Some(error.to_string())),
        }
    }

    fn tell(&self, trouble: Option<String>) {
        let mut told = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(trouble)) = (&*told, &trouble) {
            tracing::warn!("no database server is the right one: {trouble}");
        }
        *told = trouble;
    }
}

/// Until a server is found, or nobody needs one any more.
async fn search(servers: Weak<Servers>, doubt: Doubt) {
    while let Some(servers) = servers.upgrade() {
        match hosts::connect(&servers.target).await {
            Ok((at, _)) => {
                servers.found(at, doubt);
                servers.searching.store(false, Ordering::Release);
                return;
            }
            Err(error) => servers.tell(Some(error.to_string())),
        }
        drop(servers);
        tokio::time::sleep(PAUSE).await;
    }
}

/// How long to wait for a connection of a pool where connecting has no limit.
const WAIT: Duration = Duration::from_secs(60);

/// A pool of one server, whose connections are made when they are first needed.
fn current(target: &PostgresTarget, at: usize, size: u32, path: &SearchPath) -> Result<Current, Error> {
    let attrs = target.session_attrs;
    let host = target.hosts.get(at).ok_or_else(|| Error::new(Kind::Refused, "the database URL names no host"))?;
    let (routes, path) = (Arc::new(Routes::new(target, host)), Arc::clone(path));
    let timeout = if target.connect_timeout == NO_LIMIT { WAIT } else { target.connect_timeout };
    let options = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(timeout)
        // asking before each use would double the round trips of every request
        .test_before_acquire(false)
        .before_acquire(move |connection, lately| {
            Box::pin(async move { Ok(lately.idle_for <= TRUSTED || is_still_right(connection, attrs).await?) })
        })
        .after_connect(move |connection, _| {
            let path = Arc::clone(&path);
            Box::pin(async move {
                pin_session(connection, &path).await?;
                let refusal = hosts::refusal(connection, attrs).await?;
                refusal.map_or(Ok(()), |refusal| Err(sqlx::Error::Io(io::Error::other(refusal))))
            })
        });
    Ok(Current { at, pool: options.connect_lazy_with(routes.options()?), routes })
}

/// Pins settings and schema for the session, and notes the path for transactions of requests.
async fn pin_session(connection: &mut PgConnection, path: &SearchPath) -> Result<(), sqlx::Error> {
    let rows = sqlx::raw_sql(AssertSqlSafe(pinned::session())).fetch_all(&mut *connection).await?;
    let columns = rows.last().map(texts).transpose().map_err(io::Error::other)?.unwrap_or_default();
    let home = Home::from_columns(columns.into_iter());
    *path.lock().unwrap_or_else(PoisonError::into_inner) = home.path().map(str::to_owned);
    Ok(())
}

async fn is_still_right(connection: &mut PgConnection, attrs: SessionAttrs) -> Result<bool, sqlx::Error> {
    if matches!(attrs, SessionAttrs::Any | SessionAttrs::PreferStandby) {
        connection.ping().await?;
    }
    Ok(hosts::refusal(connection, attrs).await?.is_none())
}
