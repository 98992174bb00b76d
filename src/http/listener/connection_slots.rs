//! Slots for connections: a limit for the whole listener, and smaller limits for the networks of one client.
//!
//! A client that uses all of its slots gets a new one by losing its oldest idle connection. If all slots are in use,
//! the network with the most connections loses one. A connection whose request is being answered is never closed.
//! Trusted proxies have no limit of their own, because they serve many clients.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Notify;

use crate::client_limits::ClientNetworks;

/// Pause before slots are checked again, because a connection may have become idle.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Counters of the connections of one listener.
#[derive(Debug, Default)]
pub(in crate::http) struct ConnectionCounters {
    /// Number of open connections.
    pub(in crate::http) open: AtomicU64,
    /// Idle connections that were closed in favour of newer ones.
    pub(in crate::http) displaced: AtomicU64,
    /// New connections that were closed because their client used all of its slots.
    pub(in crate::http) refused: AtomicU64,
}

/// Maximum numbers of connections.
#[derive(Debug, Clone)]
pub(super) struct SlotLimits {
    /// Limit for all clients together.
    pub(super) most: usize,
    /// Limit for an IPv4 address, or for the first 64 bits of an IPv6 address.
    pub(super) narrow: usize,
    /// Limit for the first 24 bits of an IPv4 address, or for the first 48 bits of an IPv6 address.
    pub(super) wide: usize,
    /// Networks without a limit per client.
    pub(super) unbounded: Vec<IpNet>,
}

/// Slots of one listener.
pub(super) struct ConnectionSlots {
    limits: SlotLimits,
    counters: Arc<ConnectionCounters>,
    table: Mutex<SlotTable>,
    freed: Notify,
}

/// Slot of one connection. The drop frees it.
pub(super) struct ConnectionSlot {
    places: Arc<ConnectionSlots>,
    id: u64,
    phase: Arc<ConnectionPhase>,
}

/// Connections in the order of their acceptance, and those of each network.
#[derive(Default)]
struct SlotTable {
    next: u64,
    connections: HashMap<u64, ([Network; 2], Arc<ConnectionPhase>)>,
    networks: HashMap<Network, BTreeSet<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    Narrow(IpAddr),
    Wide(IpAddr),
}

/// Current phase of a connection.
#[derive(Default)]
pub(super) struct ConnectionPhase {
    phase: AtomicU8,
    closed: Notify,
}

/// The head of the first request is not complete yet.
const FRESH: u8 = 0;
const ANSWERING: u8 = 1;
/// A request was answered, and the next one has not arrived.
const IDLE: u8 = 2;
const CLOSED: u8 = 3;

impl ConnectionPhase {
    /// Begins an answer after a request head was read. Returns false if the connection is being closed.
    pub(super) fn begin_answer(&self) -> bool {
        let begin = |phase| (phase != CLOSED).then_some(ANSWERING);
        self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, begin).is_ok()
    }

    pub(super) fn end_answer(&self) {
        self.phase.store(IDLE, Ordering::Release);
    }

    pub(super) fn is_answering(&self) -> bool {
        self.phase.load(Ordering::Acquire) == ANSWERING
    }

    /// Returns true if the connection has not had a request yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.phase.load(Ordering::Acquire) == FRESH
    }

    /// Closes the connection unless it is answering a request. Returns true if it is being closed.
    fn close(&self) -> bool {
        let close = |phase| matches!(phase, FRESH | IDLE).then_some(CLOSED);
        let closes = self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, close).is_ok();
        if closes {
            self.closed.notify_one();
        }
        closes
    }

    /// Waits until the slot is given to another connection.
    pub(super) async fn displaced(&self) {
        self.closed.notified().await;
    }
}

impl ConnectionSlot {
    pub(super) fn phase(&self) -> Arc<ConnectionPhase> {
        self.phase.clone()
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.places.remove(self.id);
        self.places.freed.notify_waiters();
    }
}

impl ConnectionSlots {
    pub(super) fn new(limits: SlotLimits, counters: Arc<ConnectionCounters>) -> Arc<Self> {
        Arc::new(Self { limits, counters, table: Mutex::default(), freed: Notify::new() })
    }

    /// Waits for a slot for a connection from this address. Returns `None` if the requests of its client use all of its
    /// slots.
    pub(super) async fn take(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionSlot> {
        let peer = peer.to_canonical();
        while !self.make_room() {
            let _ = tokio::time::timeout(LOOK_AGAIN, self.freed.notified()).await;
        }
        let networks = ClientNetworks::of(peer);
        let keys = [Network::Narrow(networks.narrow), Network::Wide(networks.wide)];
        let is_bounded = !self.limits.unbounded.iter().any(|network| network.contains(&peer));
        if is_bounded && !self.make_room_of(keys) {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.add(keys))
    }

    /// Waits until every slot is free.
    pub(super) async fn all_free(&self) {
        loop {
            let freed = self.freed.notified();
            if self.table().connections.is_empty() {
                return;
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, freed).await;
        }
    }

    /// Closes an idle connection of the network with the most connections. Returns false if no connection is idle.
    pub(super) fn displace_any(&self) -> bool {
        let mut table = self.table();
        let mut networks: Vec<(usize, Network)> = {
            let wide = table.networks.iter().filter(|(network, _)| matches!(network, Network::Wide(_)));
            wide.map(|(network, members)| (members.len(), *network)).collect()
        };
        networks.sort_unstable_by_key(|(members, _)| std::cmp::Reverse(*members));
        networks.into_iter().any(|(_, network)| self.displace(&mut table, network))
    }

    fn make_room(&self) -> bool {
        let is_full = self.table().connections.len() >= self.limits.most;
        !is_full || self.displace_any()
    }

    fn make_room_of(&self, [narrow, wide]: [Network; 2]) -> bool {
        let mut table = self.table();
        let bounds = [(narrow, self.limits.narrow), (wide, self.limits.wide)];
        bounds.into_iter().all(|(network, most)| {
            let members = table.networks.get(&network).map_or(0, BTreeSet::len);
            members < most || self.displace(&mut table, network)
        })
    }

    /// Closes the oldest idle connection of a network. Returns false if none is idle.
    fn displace(&self, table: &mut SlotTable, network: Network) -> bool {
        let members = table.networks.get(&network).into_iter().flatten();
        let waiting = members.copied().find(|id| table.connections.get(id).is_some_and(|(_, phase)| phase.close()));
        let Some(id) = waiting else { return false };
        table.remove(id);
        self.counters.displaced.fetch_add(1, Ordering::Relaxed);
        self.counters.open.store(table.connections.len() as u64, Ordering::Relaxed);
        true
    }

    fn add(self: &Arc<Self>, keys: [Network; 2]) -> ConnectionSlot {
        let mut table = self.table();
        let (id, phase) = (table.next, Arc::<ConnectionPhase>::default());
        table.next += 1;
        table.connections.insert(id, (keys, phase.clone()));
        for key in keys {
            table.networks.entry(key).or_default().insert(id);
        }
        self.counters.open.store(table.connections.len() as u64, Ordering::Relaxed);
        ConnectionSlot { places: self.clone(), id, phase }
    }

    fn remove(&self, id: u64) {
        let mut table = self.table();
        table.remove(id);
        self.counters.open.store(table.connections.len() as u64, Ordering::Relaxed);
    }

    fn table(&self) -> std::sync::MutexGuard<'_, SlotTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotTable {
    fn remove(&mut self, id: u64) {
        let Some((keys, _)) = self.connections.remove(&id) else { return };
        for key in keys {
            if let Some(members) = self.networks.get_mut(&key) {
                members.remove(&id);
                if members.is_empty() {
                    self.networks.remove(&key);
                }
            }
        }
    }
}
