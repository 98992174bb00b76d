//! Pool of connections to PostgreSQL that moves to another server on failover.
//!
//! An inner pool belongs to one server. A task searches for the right server with [`find_server`] if the inner pool
//! fails or is slow to provide a connection. It also does so if the pool is connected to a server that accepts no
//! writes. The task then replaces the inner pool. A task that waits for a connection of the old pool gets one of the
//! new pool. A query that is running on the old pool fails, because its server may never answer. No statement is sent
//! twice.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgPool};
use tokio::sync::watch;

use super::connection::texts;
use super::connection_ways::ConnectionWays;
use super::error::{DbErrorKind, Error, NO_CONNECTION};
use super::find_server;
use super::kept_connections::{KeptConnections, LeasedConnection};
use super::leased_transaction::LeasedTransaction;
use super::pinned_settings::{self, CommitWait, Home};
use super::pool_usage::PoolUsage;
use super::server_role;
use super::url::{NO_LIMIT, PostgresTarget, SessionAttrs};

/// Time after the last use during which a connection is used again without a check.
const TRUSTED: Duration = Duration::from_secs(1);
/// Wait for a connection after which a search checks whether the server is still the right one.
const SLOW: Duration = Duration::from_millis(500);
/// Pause between a failed search and the next one.
const PAUSE: Duration = Duration::from_millis(200);

/// Pool, and the search for the server that it should connect to.
pub(super) struct FailoverPool {
    target: PostgresTarget,
    size: u32,
    active: watch::Sender<ActiveServer>,
    searching: AtomicBool,
    trouble: Mutex<Option<String>>,
    path: SearchPath,
}

/// Value of search_path that the newest connection of a pool found.
type SearchPath = Arc<Mutex<Option<String>>>;

#[derive(Clone)]
struct ActiveServer {
    at: usize,
    connections: Arc<KeptConnections>,
    ways: Arc<ConnectionWays>,
}

/// Leased connection, with a signal that reports whether its pool was replaced.
pub(super) struct Lease<T> {
    pub(super) connection: T,
    pub(super) replaced: ReplacementSignal,
}

/// Signal that a pool was replaced.
pub(super) struct ReplacementSignal(watch::Receiver<ActiveServer>);

impl ReplacementSignal {
    /// Runs the work, and fails if the pool is replaced before the work is done.
    pub(super) async fn unless_replaced<T>(
        &mut self,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        tokio::select! {
            biased;
            done = work => done,
            _ = self.0.changed() => {
                let message = "the connection pool moved to another server";
                Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::ConnectionAborted, message)))
            }
        }
    }
}

/// Reason to search for another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suspicion {
    /// The server does not answer, and another one may be the right one.
    Unresponsive,
    /// The server has changed its role. Its connections are useless, even if a new connection to its address is right.
    Changed,
}

impl FailoverPool {
    /// Opens a pool of at most `size` connections on the first suitable host. If no host is suitable, it uses the first
    /// host.
    pub(super) async fn open(target: &PostgresTarget, size: u32) -> Result<Arc<Self>, Error> {
        let found = match target.hosts.len() {
            1 if !ConnectionWays::is_open_question(target) => Ok(0),
            _ => find_server::connect(target).await.map(|found| found.host),
        };
        let (at, trouble) = match found {
            Ok(at) => (at, None),
            Err(error) => (0, Some(error.to_string()).filter(|_| target.hosts.len() > 1)),
        };
        let path = SearchPath::default();
        let current = watch::Sender::new(active_server(target, at, size, &path)?);
        let (searching, trouble) = (AtomicBool::new(false), Mutex::new(trouble));
        Ok(Arc::new(Self { target: target.clone(), size, active: current, searching, trouble, path }))
    }

    /// Returns the inner pool in use.
    pub(super) fn pool(&self) -> PgPool {
        self.connections().pool().clone()
    }

    /// Returns the number of connections in use, open, and allowed.
    pub(super) fn usage(&self) -> PoolUsage {
        self.connections().usage()
    }

    fn connections(&self) -> Arc<KeptConnections> {
        self.active.borrow().connections.clone()
    }

    /// Returns true if statements may be prepared under a name.
    pub(super) fn prepares(&self) -> bool {
        self.target.prepared_statements
    }

    /// Leases a connection of the inner pool.
    pub(super) async fn acquire(self: &Arc<Self>) -> Result<Lease<LeasedConnection>, sqlx::Error> {
        self.lease(|connections| async move { connections.lease().await }).await
    }

    /// Begins a transaction on a leased connection.
    pub(super) async fn begin(self: &Arc<Self>, wait: CommitWait) -> Result<Lease<LeasedTransaction>, sqlx::Error> {
        self.lease(|connections| async move {
            let connection = connections.lease().await?;
            let path = self.path.lock().unwrap_or_else(PoisonError::into_inner).clone();
            LeasedTransaction::begin(connection, pinned_settings::begin_request(path.as_deref(), wait)).await
        })
        .await
    }

    /// Returns the result of `attempt` on the inner pool in use. If that pool is replaced before, it tries again on the
    /// next one.
    async fn lease<T, F>(self: &Arc<Self>, attempt: impl Fn(Arc<KeptConnections>) -> F) -> Result<Lease<T>, sqlx::Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut current = self.active.subscribe();
        let mut tries = 0;
        loop {
            let ActiveServer { connections, ways, .. } = current.borrow_and_update().clone();
            let tried = ways.at();
            let leasing = attempt(connections.clone());
            let slow = tokio::time::sleep(SLOW);
            tokio::pin!(leasing, slow);
            let leased = loop {
                tokio::select! {
                    biased;
                    _ = current.changed() => break None,
                    leased = &mut leasing => break Some(leased),
                    () = &mut slow, if !slow.is_elapsed() => self.search(Suspicion::Unresponsive),
                }
            };
            if let Some(leased) = leased {
                tries += 1;
                if let Err(error) = &leased
                    && tries < ways.len()
                    && ways.advance(tried, &Error::from(error))
                    && let Ok(options) = ways.options()
                {
                    connections.pool().set_connect_options(options);
                    continue;
                }
                let leased = leased.inspect_err(|error| self.inspect_error(error));
                return leased.map(|connection| Lease { connection, replaced: ReplacementSignal(current) });
            }
        }
    }

    /// Inspects an error, and starts a search if the server may no longer be the right one.
    pub(super) fn inspect_error(self: &Arc<Self>, error: &sqlx::Error) {
        match error {
            sqlx::Error::Database(error) => match error.code().as_deref() {
                // a write in a read-only transaction
                Some("25006") => self.search(Suspicion::Changed),
                // the server is stopping, has crashed, or is starting
                Some("57P01" | "57P02" | "57P03" | "08P01" | NO_CONNECTION) => self.search(Suspicion::Unresponsive),
                _ => {}
            },
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => self.search(Suspicion::Unresponsive),
            _ => {}
        }
    }

    /// Checks that the server accepts writes.
    pub(super) async fn check_writable(self: &Arc<Self>) -> Result<(), Error> {
        let Lease { mut connection, mut replaced } = self.acquire().await?;
        let asked = replaced.unless_replaced(server_role::mismatch(&mut connection, SessionAttrs::ReadWrite)).await;
        match asked.inspect_err(|error| self.inspect_error(error))? {
            None => {
                connection.complete();
                self.set_trouble(None);
                Ok(())
            }
            Some(refusal) => {
                self.search(Suspicion::Changed);
                Err(refusal)
            }
        }
    }

    /// Returns the error with the result of the search for a server, if there was a search.
    pub(super) fn explain(&self, error: Error) -> Error {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match trouble {
            Some(trouble) => error.with_message(trouble),
            None => error,
        }
    }

    /// Closes the inner pool.
    pub(super) async fn close(&self) {
        self.connections().close().await;
    }

    /// Starts a search unless one is running. If the URL names only one server, its pool reconnects without a search.
    fn search(self: &Arc<Self>, suspicion: Suspicion) {
        if suspicion == Suspicion::Unresponsive && self.target.hosts.len() == 1 {
            return;
        }
        if !self.searching.swap(true, Ordering::AcqRel) {
            tokio::spawn(search(Arc::downgrade(self), suspicion));
        }
    }

    fn switch_to(&self, at: usize, suspicion: Suspicion) {
        self.set_trouble(None);
        if at == self.active.borrow().at && suspicion == Suspicion::Unresponsive {
            return;
        }
        match active_server(&self.target, at, self.size, &self.path) {
            Ok(new) => {
                if let Some(host) = self.target.hosts.get(at) {
                    tracing::info!(%host, "this database server is in use now");
                }
                let old = self.active.send_replace(new).connections;
                // leased connections of the old pool may never be returned
                tokio::spawn(async move { old.close().await });
            }
            Err(error) => self.set_trouble(Some(error.to_string())),
        }
    }

    fn set_trouble(&self, trouble: Option<String>) {
        let mut told = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(trouble)) = (&*told, &trouble) {
            tracing::warn!("no suitable database server was found: {trouble}");
        }
        *told = trouble;
    }
}

/// Searches until a server is found, or until the pool is dropped.
async fn search(failover: Weak<FailoverPool>, suspicion: Suspicion) {
    while let Some(failover) = failover.upgrade() {
        match find_server::connect(&failover.target).await {
            Ok(found) => {
                failover.switch_to(found.host, suspicion);
                failover.searching.store(false, Ordering::Release);
                return;
            }
            Err(error) => failover.set_trouble(Some(error.to_string())),
        }
        drop(failover);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Wait limit for a connection of a pool, if the URL sets no limit for connecting.
const WAIT: Duration = Duration::from_secs(60);

/// Creates a pool of one server. It connects when a connection is first needed.
fn active_server(target: &PostgresTarget, at: usize, size: u32, path: &SearchPath) -> Result<ActiveServer, Error> {
    let attrs = target.session_attrs;
    let host =
        target.hosts.get(at).ok_or_else(|| Error::new(DbErrorKind::Refused, "the database URL names no host"))?;
    let (ways, path) = (Arc::new(ConnectionWays::new(target, host)), Arc::clone(path));
    let timeout = if target.connect_timeout == NO_LIMIT { WAIT } else { target.connect_timeout };
    let options = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(timeout)
        // a query before each use would double the round trips of every request
        .test_before_acquire(false)
        .before_acquire(move |connection, lately| {
            Box::pin(async move { Ok(lately.idle_for <= TRUSTED || still_matches(connection, attrs).await?) })
        })
        .after_connect(move |connection, _| {
            let path = Arc::clone(&path);
            Box::pin(async move {
                pin_session(connection, &path).await?;
                let refusal = server_role::mismatch(connection, attrs).await?;
                refusal.map_or(Ok(()), |refusal| Err(sqlx::Error::Io(io::Error::other(refusal))))
            })
        });
    let connections = KeptConnections::new(options.connect_lazy_with(ways.options()?));
    Ok(ActiveServer { at, connections, ways })
}

/// Pins settings and schema for the session, and stores the search_path for transactions of requests.
async fn pin_session(connection: &mut PgConnection, path: &SearchPath) -> Result<(), sqlx::Error> {
    let rows = sqlx::raw_sql(AssertSqlSafe(pinned_settings::session())).fetch_all(&mut *connection).await?;
    let columns = rows.last().map(texts).transpose().map_err(io::Error::other)?.unwrap_or_default();
    let home = Home::from_columns(columns.into_iter());
    *path.lock().unwrap_or_else(PoisonError::into_inner) = home.path().map(str::to_owned);
    Ok(())
}

async fn still_matches(connection: &mut PgConnection, attrs: SessionAttrs) -> Result<bool, sqlx::Error> {
    if matches!(attrs, SessionAttrs::Any | SessionAttrs::PreferStandby) {
        connection.ping().await?;
    }
    Ok(server_role::mismatch(connection, attrs).await?.is_none())
}
