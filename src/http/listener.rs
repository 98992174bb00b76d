//! Takes connections: no more than there is room for, no more of one client than its share, and each only while its client is fast
//! enough. Idle and slow clients therefore never take the file descriptors that the other listener, its probes and the database's
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

/// Before another connection is taken after one that could not be.
const PAUSE: Duration = Duration::from_millis(100);
/// For a client that has asked nothing yet, to end its first request's head when it is time to stop.
const GRACE: Duration = Duration::from_secs(1);
/// Time for a request's head.
const HEAD: Duration = Duration::from_secs(10);
/// Time between an answer and the next request on a connection: load balancers keep one for 60 seconds.
const IDLE: Duration = Duration::from_secs(75);
/// Time for the next byte of an answer.
const WRITE: Duration = Duration::from_secs(30);
/// Bytes of a request's head. A longer one is answered with 431.
const LARGEST_HEAD: usize = 64 * 1024;
/// Connections of one client.
const MOST_OF_CLIENT: u32 = 256;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// How many there are at once; the others wait in the system's queue.
    pub most: u32,
    /// For a request's head: from its first byte, or from the begin of the connection.
    pub head: Duration,
}

impl ListenerLimits {
    pub(super) fn of(most: u32) -> Self {
        Self { most, head: HEAD }
    }

    /// A client has a quarter of the places at most, its wide network a half.
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

/// Answers until it is told to stop, and then what was asked.
pub async fn serve(listener: TcpListener, router: Router, limits: ListenerLimits, stopped: watch::Receiver<bool>) {
    serve_counted(listener, router, limits, Vec::new(), Arc::default(), stopped).await;
}

/// As [`serve`]. Connections from `proxies` are bounded only with all others.
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

/// The next connection that has a place.
async fn take(listener: &TcpListener, places: &Arc<ConnectionSlots>) -> (TcpStream, SocketAddr, ConnectionSlot) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match places.take(peer.ip()).await {
                Some(place) => return (stream, peer, place),
                None => tracing::debug!(%peer, "a connection was closed: its client answers for all of its places"),
            },
            Err(error) => recover(&error, places).await,
        }
    }
}

/// Goes on after a connection that could not be taken. Without file descriptors a waiting connection gives its own.
async fn recover(error: &std::io::Error, places: &ConnectionSlots) {
    let is_out_of_files =
        [Errno::MFILE, Errno::NFILE].iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()));
    if is_out_of_files {
        tracing::warn!(
            "a connection could not be taken: {error}; raise the limit of open files (ulimit -n, LimitNOFILE)"
        );
        places.displace_any();
    } else {
        tracing::debug!("a connection could not be taken: {error}");
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
                return Err(std::io::Error::other("its place was given to another connection"));
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

/// Comes back when it is time to stop.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // an error means that the sender is gone, which is a reason to stop as well
    let _ = stopped.wait_for(|stop| *stop).await;
}
