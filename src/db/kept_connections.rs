//! Connections to PostgreSQL that are kept between the requests of a busy service.
//!
//! sqlx's pool checks every returned connection with a round trip, in a task of its own. For a request of one statement
//! that is as much work as the statement. A connection whose work is complete is therefore kept here for the next
//! request. After [`KEPT`] it returns to the pool, which checks it, limits its age, and lends it to others.
//!
//! A connection returns to the pool at once if its work failed or was cancelled.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::{PgPool, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pool_usage::PoolUsage;
use crate::clock::Stopwatch;

/// Time after which a connection returns to the pool.
const KEPT: Duration = Duration::from_secs(1);

/// Pool with its kept connections.
pub(super) struct KeptConnections {
    pool: PgPool,
    /// One permit for each connection that may be leased. A waiting request gets the next free connection, kept or not.
    permits: Arc<Semaphore>,
    kept: Mutex<Vec<TakenConnection>>,
}

/// Connection of the pool, and the time since it was taken.
struct TakenConnection {
    connection: PoolConnection<Postgres>,
    since: Stopwatch,
}

impl TakenConnection {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < KEPT
    }
}

impl KeptConnections {
    /// Keeps connections of this pool.
    pub(super) fn new(pool: PgPool) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(pool.options().get_max_connections() as usize));
        let kept = Arc::new(Self { pool, permits, kept: Mutex::default() });
        tokio::spawn(return_old(Arc::downgrade(&kept)));
        kept
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn usage(&self) -> PoolUsage {
        PoolUsage::of(&self.pool, self.lock().len())
    }

    /// Leases a connection, within the time limit of the pool.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<LeasedConnection, sqlx::Error> {
        let permit = self.permits.clone().acquire_owned();
        let permit = tokio::time::timeout(self.pool.options().get_acquire_timeout(), permit).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let kept = self.lock().pop().filter(TakenConnection::is_fresh);
        let taken = match kept {
            Some(taken) => taken,
            None => TakenConnection { connection: self.pool.acquire().await?, since: Stopwatch::start() },
        };
        Ok(LeasedConnection { taken, owner: self.clone(), _permit: permit })
    }

    /// Closes the pool after its leased connections have returned.
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        // from here on the pool counts as closed, so that no connection is kept any more
        self.lock().clear();
        closing.await;
    }

    fn keep(&self, taken: TakenConnection) {
        let mut kept = self.lock();
        if taken.is_fresh() && !self.pool.is_closed() {
            kept.push(taken);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<TakenConnection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns old connections to the pool, until the pool is dropped.
async fn return_old(kept: Weak<KeptConnections>) {
    while let Some(kept) = kept.upgrade() {
        kept.lock().retain(TakenConnection::is_fresh);
        drop(kept);
        tokio::time::sleep(KEPT).await;
    }
}

/// Leased connection. If it is dropped, it returns to the pool, which checks it.
pub(super) struct LeasedConnection {
    taken: TakenConnection,
    owner: Arc<KeptConnections>,
    // declared last: it is released after the connection has returned
    _permit: OwnedSemaphorePermit,
}

impl LeasedConnection {
    /// Keeps the connection for the next request. Its work is complete: no answer is pending, and no transaction is
    /// open.
    pub(super) fn complete(self) {
        let Self { taken, owner, _permit } = self;
        owner.keep(taken);
    }

    /// Closes the connection instead of returning it.
    pub(super) fn discard(self) {
        drop(self.taken.connection.detach());
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
