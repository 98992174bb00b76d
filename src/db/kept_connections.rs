//! Connections to PostgreSQL that are kept between the requests of a busy service.
//!
//! sqlx's pool checks every returned connection with a round trip, in a task of its own. For a request of one statement
//! that is as much work as the statement. A connection whose work is complete is therefore kept here for the next
//! request. After [`KEPT`] it returns to the pool, which checks it, limits its age, and lends it to others.
//!
//! A connection returns to the pool at once if its work failed or was cancelled. Its permit is released afterwards, so
//! that a request with a permit finds a connection, here or in the pool.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::{PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pool_usage::PoolUsage;
use crate::clock::Stopwatch;

/// Time after which a connection returns to the pool.
const KEPT: Duration = Duration::from_secs(1);

/// Pool with its kept connections.
pub(super) struct KeptConnections {
    pool: PgPool,
    /// One permit for each connection that may be leased.
    permits: Arc<Semaphore>,
    state: Mutex<KeptState>,
}

#[derive(Default)]
struct KeptState {
    connections: Vec<TakenConnection>,
    /// Requests that wait for a connection of the pool.
    waiting: usize,
}

/// Connection that was taken from the pool. It returns when it is dropped.
struct TakenConnection {
    connection: PoolConnection<Postgres>,
    /// True if the connection is closed instead.
    is_discarded: bool,
    /// Time since the connection was taken.
    since: Stopwatch,
    /// Permit of the request that uses the connection.
    permit: Option<OwnedSemaphorePermit>,
}

impl TakenConnection {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < KEPT
    }
}

impl Drop for TakenConnection {
    fn drop(&mut self) {
        // if this does not run, the connection is closed
        let returning = self.connection.return_to_pool();
        let permit = self.permit.take();
        if let Some(runtime) = Handle::try_current().ok().filter(|_| !self.is_discarded) {
            runtime.spawn(async move {
                returning.await;
                drop(permit);
            });
        }
    }
}

impl KeptConnections {
    /// Keeps connections of this pool.
    pub(super) fn new(pool: PgPool) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(pool.options().get_max_connections() as usize));
        let kept = Arc::new(Self { pool, permits, state: Mutex::default() });
        tokio::spawn(return_old(Arc::downgrade(&kept)));
        kept
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn usage(&self) -> PoolUsage {
        PoolUsage::of(&self.pool, self.lock().connections.len())
    }

    /// Leases a connection, within the time limit of the pool.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<LeasedConnection, sqlx::Error> {
        let limit = self.pool.options().get_acquire_timeout();
        tokio::time::timeout(limit, self.wait()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Waits for a permit, and takes a kept connection or one of the pool.
    async fn wait(self: &Arc<Self>) -> Result<LeasedConnection, sqlx::Error> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let kept = self.lock().connections.pop();
        let mut taken = match kept {
            Some(fresh) if fresh.is_fresh() => fresh,
            old => self.take_from_pool(old).await?,
        };
        taken.permit = Some(permit);
        Ok(LeasedConnection { taken, owner: self.clone() })
    }

    /// Returns an old connection to the pool, and takes one from there.
    async fn take_from_pool(&self, old: Option<TakenConnection>) -> Result<TakenConnection, sqlx::Error> {
        let _waiting = WaitingForPool::new(self);
        drop(old);
        let connection = self.pool.acquire().await?;
        Ok(TakenConnection { connection, is_discarded: false, since: Stopwatch::start(), permit: None })
    }

    /// Closes the pool after its leased connections have returned.
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        // from here on the pool counts as closed, so that no connection is kept any more
        self.lock().connections.clear();
        closing.await;
    }

    /// Keeps a connection for the next request. It returns to the pool if it is old, or if a request waits there.
    fn keep(&self, mut taken: TakenConnection) {
        let mut state = self.lock();
        if taken.is_fresh() && state.waiting == 0 && !self.pool.is_closed() {
            let permit = taken.permit.take();
            state.connections.push(taken);
            drop(state);
            drop(permit);
        }
    }

    fn lock(&self) -> MutexGuard<'_, KeptState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Request that waits for a connection of the pool, until it is dropped.
struct WaitingForPool<'a>(&'a KeptConnections);

impl<'a> WaitingForPool<'a> {
    fn new(kept: &'a KeptConnections) -> Self {
        kept.lock().waiting += 1;
        Self(kept)
    }
}

impl Drop for WaitingForPool<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// Returns old connections to the pool, until the pool is dropped.
async fn return_old(kept: Weak<KeptConnections>) {
    while let Some(kept) = kept.upgrade() {
        kept.lock().connections.retain(TakenConnection::is_fresh);
        drop(kept);
        tokio::time::sleep(KEPT).await;
    }
}

/// Leased connection. If it is dropped, it returns to the pool, which checks it.
pub(super) struct LeasedConnection {
    taken: TakenConnection,
    owner: Arc<KeptConnections>,
}

impl LeasedConnection {
    /// Keeps the connection for the next request. Its work is complete: no answer is pending, and no transaction is
    /// open.
    pub(super) fn complete(self) {
        self.owner.keep(self.taken);
    }

    /// Closes the connection instead of returning it.
    pub(super) fn discard(mut self) {
        self.taken.is_discarded = true;
    }
}

impl Deref for LeasedConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.taken.connection
    }
}

impl DerefMut for LeasedConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.taken.connection
    }
}
