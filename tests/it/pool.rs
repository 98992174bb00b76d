//! Pool of connections: a request that is cancelled leaves a clean connection. On PostgreSQL a connection is kept between
//! requests.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::num::NonZeroU16;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use authsvc::db::{DatabaseUrl, Defaults, Pool, PoolUse};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement, TransactionTrait as _};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use crate::support::database::{ENGINES, block_on};
use crate::support::{Database, Engine};

const COUNT: &str = "SELECT count(*) FROM login_throttles";
const IN_TRANSACTION: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";

const PATIENCE: Duration = Duration::from_secs(30);

async fn pool(database: &Database, most: u16) -> Pool {
    let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
    Pool::open(&url, PoolUse::Serve(NonZeroU16::new(most).unwrap())).await.unwrap()
}

fn statement(sql: String) -> Statement {
    Statement::from_string(DbBackend::Postgres, sql)
}

fn insert(subject: &str) -> Statement {
    statement(format!(
        "INSERT INTO login_throttles (subject, failures, last_failed_at) \
         VALUES ('{subject}', 1, '2026-11-28T10:00:00.000+00:00')"
    ))
}

/// The number that another process sees.
async fn seen(pool: &Pool, sql: &str) -> i64 {
    pool.runner().query_one_raw(statement(sql.to_owned())).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn process(pool: &Pool, sleep: &str) -> i32 {
    let sql = format!("SELECT pg_backend_pid() AS pid, pg_sleep({sleep})::text");
    pool.runner().query_one_raw(statement(sql)).await.unwrap().unwrap().try_get("", "pid").unwrap()
}

/// Runs work until it was polled `most` times, and then cancels it.
async fn polled<T>(work: impl Future<Output = T>, most: usize) -> Option<T> {
    let (mut work, mut polls) = (pin!(work), 0);
    poll_fn(|cx| {
        polls += 1;
        match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if polls == most => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Locks a row and changes it in a transaction. A cancelled one must have no effect, unless it was at its commit.
async fn change(pool: &Pool, number: usize) -> Result<(), DbErr> {
    let transaction = pool.runner().begin().await?;
    transaction.execute_raw(insert(&format!("transaction {number}"))).await?;
    transaction.execute_raw(statement("UPDATE login_throttles SET failures = 2 WHERE subject = 'row'".into())).await?;
    transaction.commit().await
}

#[test]
fn a_request_that_is_cancelled_anywhere_leaves_no_open_transaction() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        block_on(async {
            let (pool, other) = (pool(&database, 2).await, pool(&database, 1).await);
            pool.runner().execute_raw(insert("row")).await.unwrap();
            let mut completed = 0;
            for number in 0..300 {
                let most = number % 30 + 1;
                completed += usize::from(polled(change(&pool, number), most).await.is_some());
                let _ = polled(seen(&pool, COUNT), most).await;
                // a lock or an open transaction of a cancelled request would stop or hide this change
                pool.runner().execute_raw(insert(&format!("single {number}"))).await.unwrap();
                let count = format!("{COUNT} WHERE subject = 'single {number}'");
                assert_eq!(seen(&other, &count).await, 1, "{engine:?}, request {number}");
            }
            assert!((30..270).contains(&completed), "{completed} of 300 were not cancelled: the test cancels nothing");
            if engine == Engine::Postgres {
                timeout(PATIENCE, async { while seen(&other, IN_TRANSACTION).await != 0 {} }).await.unwrap();
            }
            timeout(PATIENCE, async {
                while pool.usage().in_use != 0 {
                    yield_now().await
                }
            })
            .await
            .unwrap();
        });
    }
}

#[test]
fn a_dropped_transaction_is_rolled_back_and_its_connection_used_again() {
    let database = Database::migrated(Engine::Postgres);
    block_on(async {
        let pool = pool(&database, 1).await;
        let first = process(&pool, "0").await;
        for number in 0..50 {
            let transaction = pool.runner().begin().await.unwrap();
            transaction.execute_raw(insert("dropped")).await.unwrap();
            if number % 2 == 0 {
                transaction.execute_raw(insert("dropped")).await.unwrap_err();
            }
            drop(transaction);
            assert_eq!(process(&pool, "0").await, first);
        }
        assert_eq!(seen(&pool, COUNT).await, 0);
    });
}

#[test]
fn a_kept_connection_returns_for_other_uses_and_is_idle() {
    let database = Database::migrated(Engine::Postgres);
    block_on(async {
        let pool = pool(&database, 1).await;
        let first = process(&pool, "0").await;
        for _ in 0..50 {
            assert_eq!(process(&pool, "0").await, first);
            let usage = pool.usage();
            assert_eq!((usage.in_use, usage.open, usage.most), (0, 1, 1));
        }
        let transaction = timeout(PATIENCE, pool.orm().begin()).await.unwrap().unwrap();
        assert_eq!(pool.usage().in_use, 1);
        drop(transaction);
        timeout(PATIENCE, pool.close()).await.unwrap();
    });
}

#[test]
fn requests_share_few_connections_and_each_gets_one() {
    let database = Database::migrated(Engine::Postgres);
    block_on(async {
        let pool = pool(&database, 3).await;
        let mut requests = JoinSet::new();
        for _ in 0..200 {
            let pool = pool.clone();
            requests.spawn(async move { process(&pool, "0.005").await });
        }
        let processes: BTreeSet<i32> = requests.join_all().await.into_iter().collect();
        assert!(processes.len() <= 3, "{processes:?}");
        let last = pool.clone();
        let slow = tokio::spawn(async move { process(&last, "0.5").await });
        timeout(PATIENCE, async {
            while pool.usage().in_use == 0 {
                yield_now().await
            }
        })
        .await
        .unwrap();
        timeout(PATIENCE, pool.close()).await.unwrap();
        assert!(slow.is_finished(), "the pool closes after its last request");
    });
}

#[test]
fn a_pool_may_outlive_its_runtime() {
    let database = Database::migrated(Engine::Postgres);
    let (pool, transaction) = block_on(async {
        let pool = pool(&database, 3).await;
        let transaction = pool.runner().begin().await.unwrap();
        tokio::join!(process(&pool, "0.1"), process(&pool, "0.1"));
        (pool, transaction)
    });
    drop(transaction);
    drop(pool);
}

#[test]
fn a_cancelled_statement_blocks_no_other_request() {
    let database = Database::migrated(Engine::Postgres);
    block_on(async {
        let url = DatabaseUrl::parse(&format!("{}?connect_timeout=2", database.url), &Defaults::default()).unwrap();
        let pool = Pool::open(&url, PoolUse::Serve(NonZeroU16::new(2).unwrap())).await.unwrap();
        tokio::join!(process(&pool, "0.1"), process(&pool, "0.1"));
        let second = Duration::from_secs(1);
        timeout(second / 10, process(&pool, "30")).await.unwrap_err();
        // one connection of two is left, and all requests use it one after the other
        for _ in 0..20 {
            let requests = (0..8).map(|_| timeout(second, process(&pool, "0.001")));
            assert!(join_all(requests).await.iter().all(Result::is_ok), "a request waited for a second");
        }
        // without any, each request waits for the limit of the pool, and no longer
        timeout(second / 10, process(&pool, "30")).await.unwrap_err();
        let sql = || statement("SELECT 1".to_owned());
        let waits = (0..4).map(|_| timeout(second * 3, pool.runner().query_one_raw(sql())));
        assert!(join_all(waits).await.into_iter().all(|wait| wait.unwrap().is_err()));
    });
}
