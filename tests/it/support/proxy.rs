//! TCP proxy between the program and a server, which counts connections and can block them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Cluster, Database};

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    stalled: Arc<AtomicBool>,
    delay: Arc<AtomicU64>,
    messages: Arc<AtomicUsize>,
    target: Arc<AtomicU16>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stalled, messages) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let delay = Arc::new(AtomicU64::new(0));
        let target = Arc::new(AtomicU16::new(port));
        let (stall, wait, count, port) = (stalled.clone(), delay.clone(), messages.clone(), target.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port.load(Ordering::SeqCst))) else { continue };
                let (client_read, server_write) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (stall, count) = (stall.clone(), count.clone());
                let (stall_back, wait, nothing) = (stall.clone(), wait.clone(), Arc::default());
                std::thread::spawn(move || copy(client_read, server_write, &stall, &AtomicU64::new(0), &count));
                std::thread::spawn(move || copy(server, client, &stall_back, &wait, &nothing));
            }
        });
        Self { address, stalled, delay, messages, target }
    }

    /// The URL of a database of the shared cluster, through here.
    pub(crate) fn url(&self, database: &Database) -> String {
        database.url.replace(&Cluster::shared().port.to_string(), &self.address.port().to_string())
    }

    /// New connections go to another server from now on.
    pub(crate) fn turn_to(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
    }

    /// From now on the proxy drops all data.
    pub(crate) fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// From now on the proxy passes all data again.
    pub(crate) fn resume(&self) {
        self.stalled.store(false, Ordering::SeqCst);
    }

    /// From now on every answer takes so much longer.
    pub(crate) fn delay(&self, delay: Duration) {
        self.delay.store(delay.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }

    /// How many messages with a query went to the server.
    pub(crate) fn queries(&self) -> usize {
        self.messages.load(Ordering::SeqCst)
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, stalled: &AtomicBool, delay: &AtomicU64, queries: &AtomicUsize) {
    let mut buffer = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        while stalled.load(Ordering::SeqCst) {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let delayed = Instant::now() + Duration::from_millis(delay.load(Ordering::SeqCst));
        while let Some(left) = delayed.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
        if buffer[0] == b'Q' {
            queries.fetch_add(1, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
