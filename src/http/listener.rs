//! Takes connections: no more than there is room for, and each for as long as it says something. Idle and slow clients therefore never
//! take the descriptors that the other listener, its probes and the database's connections need.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Before another connection is taken after one that could not be.
const PAUSE: Duration = Duration::from_millis(100);
/// For a client that has asked nothing yet, to end its first request's head when it is time to stop.
const GRACE: Duration = Duration::from_secs(1);
/// Where the system sets no limit.
const MANY: u64 = 65_536;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many there are at once; the others wait in the system's queue.
    pub most: u32,
    /// For a request's head, from the end of the answer before it. Longer than load balancers keep a connection, so that they end it.
    pub head: Duration,
}

impl Limits {
    /// A part of the descriptors that the process may have.
    pub(super) fn of_descriptors(divisor: u64) -> Self {
        let all = getrlimit(Resource::Nofile).current.unwrap_or(MANY).min(MANY);
        Self { most: u32::try_from(all / divisor).unwrap_or(1).max(1), head: Duration::from_secs(75) }
    }
}

/// Answers until it is told to stop, and then what was asked.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(limits.most as usize));
    loop {
        let (stream, peer, place) = tokio::select! {
            taken = take(&listener, &room) => taken,
            () = stop(&mut stopped) => break,
        };
        let (router, stopped) = (router.clone(), stopped.clone());
        tokio::spawn(async move {
            answer(stream, peer, router, limits.head, stopped).await;
            drop(place);
        });
    }
    drop(listener);
    // all of the room is free again when everybody has got an answer
    let _ = room.acquire_many(limits.most).await;
}

/// The next connection, once there is room for it.
async fn take(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    let place = room.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::debug!("a connection could not be taken: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let has_asked = AtomicBool::new(false);
    let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(head);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = tokio::time::sleep(GRACE) => if has_asked.load(Ordering::Relaxed) { connection.await } else { Ok(()) },
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Comes back when it is time to stop.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // an error means that the sender is gone, which is a reason to stop as well
    let _ = stopped.wait_for(|stop| *stop).await;
}
