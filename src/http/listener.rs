//! Connections of a listener, with limits for their number, for each client, and for slow clients.
//!
//! Idle and slow clients therefore cannot exhaust the file descriptors that the other listener, its probes and database
//! connections need.

mod connection_slots;
mod open_files;
mod stream_timeouts;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(super) use connection_slots::ConnectionCounters;
use connection_slots::{ConnectionPhase, ConnectionSlot, ConnectionSlots, SlotLimits};
pub(super) use open_files::raise_limit;
use stream_timeouts::{StreamTimeouts, TimeoutStream};

/// Pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);
/// Time for a new client to complete its first request head when the service stops.
const GRACE: Duration = Duration::from_secs(1);
/// Time limit for a request head.
const HEAD: Duration = Duration::from_secs(10);
/// Time limit between an answer and the next request on a connection. Load balancers keep one for 60 seconds.
const IDLE: Duration = Duration::from_secs(75);
/// Time limit for the next byte of an answer.
const WRITE: Duration = Duration::from_secs(30);
/// Maximum size of a request head, in bytes. A longer one is answered with 431.
const LARGEST_HEAD: usize = 64 * 1024;
/// Maximum number of connections of one client.
const MOST_OF_CLIENT: u32 = 256;

/// Limits of the connections of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// Maximum number of concurrent connections. Further ones wait in the queue of the system.
    pub most: u32,
    /// Time limit for a request head, from its first byte, or from the start of the connection.
    pub head: Duration,
}

impl ListenerLimits {
    pub(super) fn of(most: u32) -> Self {
        Self { most, head: HEAD }
    }

    /// Returns the limits of the slots: one client has at most a quarter of them, and its wide network at most a half.
    fn places(self, unbounded: Vec<IpNet>) -> SlotLimits {
        let share = |divisor: u32, most: u32| (self.most / divisor).clamp(1, most) as usize;
        SlotLimits {
            most: self.most.max(1) as usize,
            narrow: share(4, MOST_OF_CLIENT),
            wide: share(2, MOST_OF_CLIENT * 4),
            unbounded,
        }
    }

    fn pace(self) -> StreamTimeouts {
        StreamTimeouts { head: self.head, idle: IDLE, write: WRITE }
    }
}

/// Accepts connections until `stopped` is set, and then completes the running requests.
pub async fn serve(listener: TcpListener, router: Router, limits: ListenerLimits, stopped: watch::Receiver<bool>) {
    serve_counted(listener, router, limits, Vec::new(), Arc::default(), stopped).await;
}

/// Accepts connections until `stopped` is set, and counts them.
///
/// Connections from `proxies` have no limit per client.
pub(super) async fn serve_counted(
    listener: TcpListener,
    router: Router,
    limits: ListenerLimits,
    proxies: Vec<IpNet>,
    counters: Arc<ConnectionCounters>,
    mut stopped: watch::Receiver<bool>,
) {
    let places = ConnectionSlots::new(limits.places(proxies), counters);
    loop {
        let (stream, peer, place) = tokio::select! {
            taken = take(&listener, &places) => taken,
            () = stop(&mut stopped) => break,
        };
        let (router, stopped) = (router.clone(), stopped.clone());
        tokio::spawn(async move {
            answer(stream, peer, router, limits.pace(), place.phase(), stopped).await;
            drop(place);
        });
    }
    drop(listener);
    places.all_free().await;
}

/// Accepts the next connection that receives a slot.
async fn take(listener: &TcpListener, places: &Arc<ConnectionSlots>) -> (TcpStream, SocketAddr, ConnectionSlot) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match places.take(peer.ip()).await {
                Some(place) => return (stream, peer, place),
                None => {
                    tracing::debug!(%peer, "a connection was closed: the requests of its client use all of its slots")
                }
            },
            Err(error) => recover(&error, places).await,
        }
    }
}

/// Pauses after a connection that could not be accepted. Without file descriptors, it closes an idle connection.
async fn recover(error: &std::io::Error, places: &ConnectionSlots) {
    let is_out_of_files =
        [Errno::MFILE, Errno::NFILE].iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()));
    if is_out_of_files {
        tracing::warn!("cannot accept a connection: {error}. Raise the limit of open files (ulimit -n, LimitNOFILE)");
        places.displace_any();
    } else {
        tracing::debug!("cannot accept a connection: {error}");
    }
    tokio::time::sleep(PAUSE).await;
}

async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    pace: StreamTimeouts,
    phase: Arc<ConnectionPhase>,
    mut stopped: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        let (phase, is_open) = (phase.clone(), phase.begin_answer());
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.call(request);
        async move {
            if !is_open {
                return Err(std::io::Error::other("its slot was given to another connection"));
            }
            let answer = answer.await.map_err(std::io::Error::other);
            phase.end_answer();
            answer
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(LARGEST_HEAD).max_header_size(LARGEST_HEAD);
    let stream = TimeoutStream::new(stream, phase.clone(), pace);
    let mut connection = pin!(server.serve_connection(stream, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = phase.displaced() => return,
        () = stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = tokio::time::sleep(GRACE) => if phase.is_fresh() { Ok(()) } else { connection.await },
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Waits until the service stops.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // an error means that the sender was dropped, which is a reason to stop as well
    let _ = stopped.wait_for(|stop| *stop).await;
}
