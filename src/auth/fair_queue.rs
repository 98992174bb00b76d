//! Fair queue for password attempts, for hashing, and for the attempts of one account.
//!
//! Wide networks take turns, and so do the clients within one network. A client that sends hundreds of requests
//! therefore delays only itself. A request that would wait for longer than its time limit is refused at once.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::client_limits::ClientNetworks;
use crate::clock::Stopwatch;

/// Divisor of the moving average: the newest duration has a weight of one eighth.
const NEWEST: u32 = 8;

/// Queue for a fixed number of places. Each place has a tool that the work needs, such as memory.
pub(super) struct FairQueue<T> {
    state: Mutex<QueueState<T>>,
    places: u32,
}

/// Place in use. When it is dropped, the next client in the queue receives its tool.
pub(super) struct QueuePlace<T> {
    queue: Arc<FairQueue<T>>,
    tool: Option<T>,
    since: Stopwatch,
}

/// Refusal of a request whose estimated wait exceeds its time limit. It contains the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueTooLong(pub(super) Duration);

struct QueueState<T> {
    free: Vec<T>,
    turns: Turns<T>,
    /// Moving average of the time for which a place is used.
    mean: Duration,
    next_ticket: u64,
}

/// Waiting tickets, by wide network and by client.
struct Turns<T> {
    order: VecDeque<IpAddr>,
    networks: HashMap<IpAddr, NetworkTurns<T>>,
}

struct NetworkTurns<T> {
    order: VecDeque<IpAddr>,
    clients: HashMap<IpAddr, VecDeque<Ticket<T>>>,
}

struct Ticket<T> {
    number: u64,
    give: oneshot::Sender<T>,
}

/// Result of a request for a place.
enum Admission<T> {
    /// A place was free.
    Now(QueuePlace<T>),
    /// All places are in use. The ticket waits for one.
    Later(Waiting<T>),
}

/// Waiting ticket. When it is dropped, the ticket is removed, and a tool that it already received passes to the next
/// one.
struct Waiting<T> {
    queue: Arc<FairQueue<T>>,
    client: ClientNetworks,
    number: u64,
    given: oneshot::Receiver<T>,
}

impl<T> FairQueue<T> {
    /// Creates a queue with one place per tool. `mean` is the first estimate of the time for which a place is used.
    pub(super) fn new(tools: Vec<T>, mean: Duration) -> Arc<Self> {
        let places = u32::try_from(tools.len()).unwrap_or(u32::MAX).max(1);
        let turns = Turns { order: VecDeque::new(), networks: HashMap::new() };
        Arc::new(Self { state: Mutex::new(QueueState { free: tools, turns, mean, next_ticket: 0 }), places })
    }

    /// Waits for the turn of this client.
    ///
    /// # Errors
    /// Returns the estimated wait at once if the wait and the work would exceed `patience`.
    pub(super) async fn enter(
        self: &Arc<Self>,
        client: ClientNetworks,
        patience: Duration,
    ) -> Result<QueuePlace<T>, QueueTooLong> {
        let mut waiting = match self.ticket(client, patience)? {
            Admission::Now(place) => return Ok(place),
            Admission::Later(waiting) => waiting,
        };
        let tool = (&mut waiting.given).await;
        // the sender is in the queue as long as the ticket
        tool.map(|tool| self.place(tool)).map_err(|_| QueueTooLong(patience))
    }

    /// Returns a place if one is free. A free place means that no client waits.
    pub(super) fn free_place(self: &Arc<Self>) -> Option<QueuePlace<T>> {
        let tool = self.state().free.pop()?;
        Some(self.place(tool))
    }

    /// Returns the number of waiting tickets.
    pub(super) fn waiting(&self) -> usize {
        self.state().turns.len()
    }

    fn ticket(self: &Arc<Self>, client: ClientNetworks, patience: Duration) -> Result<Admission<T>, QueueTooLong> {
        let mut state = self.state();
        if let Some(tool) = state.free.pop() {
            return Ok(Admission::Now(self.place(tool)));
        }
        let ahead = u32::try_from(state.turns.ahead_of(client)).unwrap_or(u32::MAX);
        let wait = state.mean.saturating_mul(ahead.saturating_add(1)) / self.places;
        // the work takes time, too
        if wait.saturating_add(state.mean) > patience {
            return Err(QueueTooLong(wait));
        }
        let number = state.next_ticket;
        state.next_ticket += 1;
        let (give, given) = oneshot::channel();
        state.turns.push(client, Ticket { number, give });
        Ok(Admission::Later(Waiting { queue: self.clone(), client, number, given }))
    }

    fn place(self: &Arc<Self>, tool: T) -> QueuePlace<T> {
        QueuePlace { queue: self.clone(), tool: Some(tool), since: Stopwatch::start() }
    }

    /// Gives a tool to the next ticket whose client still waits.
    fn pass_on(&self, mut tool: T) {
        let mut state = self.state();
        while let Some(ticket) = state.turns.pop() {
            match ticket.give.send(tool) {
                Ok(()) => return,
                Err(back) => tool = back,
            }
        }
        state.free.push(tool);
    }

    fn state(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> QueuePlace<T> {
    /// Returns the tool of the place.
    pub(super) fn tool(&mut self) -> Option<&mut T> {
        self.tool.as_mut()
    }
}

impl<T> Drop for QueuePlace<T> {
    fn drop(&mut self) {
        let took = self.since.elapsed();
        {
            let mut state = self.queue.state();
            state.mean = (state.mean * (NEWEST - 1) + took) / NEWEST;
        }
        if let Some(tool) = self.tool.take() {
            self.queue.pass_on(tool);
        }
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.given.close();
        match self.given.try_recv() {
            Ok(tool) => self.queue.pass_on(tool),
            Err(_) => self.queue.state().turns.remove(self.client, self.number),
        }
    }
}

impl<T> Turns<T> {
    fn push(&mut self, client: ClientNetworks, ticket: Ticket<T>) {
        let network = self.networks.entry(client.wide).or_insert_with(|| {
            self.order.push_back(client.wide);
            NetworkTurns { order: VecDeque::new(), clients: HashMap::new() }
        });
        let tickets = network.clients.entry(client.narrow).or_insert_with(|| {
            network.order.push_back(client.narrow);
            VecDeque::new()
        });
        tickets.push_back(ticket);
    }

    /// Removes and returns the ticket that has the next turn.
    fn pop(&mut self) -> Option<Ticket<T>> {
        let wide = self.order.pop_front()?;
        let network = self.networks.get_mut(&wide)?;
        let ticket = network.pop();
        if network.order.is_empty() {
            self.networks.remove(&wide);
        } else {
            self.order.push_back(wide);
        }
        ticket
    }

    fn remove(&mut self, client: ClientNetworks, number: u64) {
        let Some(network) = self.networks.get_mut(&client.wide) else { return };
        let Some(tickets) = network.clients.get_mut(&client.narrow) else { return };
        tickets.retain(|ticket| ticket.number != number);
        if tickets.is_empty() {
            network.clients.remove(&client.narrow);
            network.order.retain(|narrow| *narrow != client.narrow);
        }
        if network.order.is_empty() {
            self.networks.remove(&client.wide);
            self.order.retain(|wide| *wide != client.wide);
        }
    }

    /// Returns the number of tickets that have their turn before the next ticket of a client.
    fn ahead_of(&self, client: ClientNetworks) -> usize {
        let network = self.networks.get(&client.wide);
        let in_network = network.map_or(0, |network| {
            let own = network.clients.get(&client.narrow).map_or(0, VecDeque::len);
            network.clients.values().map(|tickets| tickets.len().min(own + 1)).sum::<usize>()
        });
        let others = self.networks.iter().filter(|(wide, _)| **wide != client.wide);
        in_network + others.map(|(_, network)| network.len().min(in_network + 1)).sum::<usize>()
    }

    fn len(&self) -> usize {
        self.networks.values().map(NetworkTurns::len).sum()
    }
}

impl<T> NetworkTurns<T> {
    fn pop(&mut self) -> Option<Ticket<T>> {
        let narrow = self.order.pop_front()?;
        let tickets = self.clients.get_mut(&narrow)?;
        let ticket = tickets.pop_front();
        if tickets.is_empty() {
            self.clients.remove(&narrow);
        } else {
            self.order.push_back(narrow);
        }
        ticket
    }

    fn len(&self) -> usize {
        self.clients.values().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientNetworks {
        ClientNetworks::of(address.parse().unwrap())
    }

    fn turns(waiting: &[&str]) -> Turns<()> {
        let mut turns = Turns { order: VecDeque::new(), networks: HashMap::new() };
        for (number, address) in waiting.iter().enumerate() {
            turns.push(client(address), Ticket { number: number as u64, give: oneshot::channel().0 });
        }
        turns
    }

    fn order(mut turns: Turns<()>) -> Vec<u64> {
        std::iter::from_fn(|| turns.pop().map(|ticket| ticket.number)).collect()
    }

    #[test]
    fn networks_and_clients_of_a_network_take_turns() {
        let waiting = [
            "2001:db8:1:1::1",
            "2001:db8:1:1::2",
            "2001:db8:1:2::1",
            "2001:db8:1:1::3",
            "192.0.2.1",
            "192.0.2.1",
            "2001:db8:9::1",
        ];
        assert_eq!(order(turns(&waiting)), [0, 4, 6, 2, 5, 1, 3]);
    }

    #[test]
    fn a_new_client_waits_for_one_of_each_network() {
        let flood: Vec<String> = (0..160).map(|n| format!("2001:db8:{:x}:{n:x}::1", n % 8)).collect();
        let turns = turns(&flood.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(turns.ahead_of(client("203.0.113.9")), 8);
        assert_eq!(turns.ahead_of(client("2001:db8:0:ffff::1")), 20 + 7 * 20);
        assert_eq!(turns.len(), 160);
    }

    #[test]
    fn what_left_is_forgotten() {
        let mut turns = turns(&["192.0.2.1", "192.0.2.1", "192.0.2.2", "198.51.100.1"]);
        for number in 0..2 {
            turns.remove(client("192.0.2.1"), number);
        }
        turns.remove(client("198.51.100.1"), 3);
        turns.remove(client("198.51.100.1"), 3);
        assert_eq!((turns.len(), turns.networks.len()), (1, 1));
        assert_eq!(order(turns), [2]);
    }

    #[tokio::test]
    async fn places_come_back_from_whoever_leaves() {
        let queue = FairQueue::new(vec![7], Duration::from_millis(1));
        let (one, two) = (client("192.0.2.1"), client("192.0.2.2"));
        let patience = Duration::from_secs(60);
        let mut place = queue.enter(one, patience).await.unwrap();
        assert_eq!(place.tool(), Some(&mut 7));
        let gone = Box::pin(queue.enter(two, patience));
        let gone = tokio::time::timeout(Duration::ZERO, gone).await;
        assert!(gone.is_err());
        assert_eq!(queue.waiting(), 0, "it has left");
        let (queue_of_next, next) = (
            queue.clone(),
            tokio::spawn({
                let queue = queue.clone();
                async move { queue.enter(two, patience).await.map(|mut place| *place.tool().unwrap()) }
            }),
        );
        while queue_of_next.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        drop(place);
        assert_eq!(next.await.unwrap(), Ok(7));
        let held = queue.enter(one, patience).await.unwrap();
        assert!(matches!(queue.enter(two, Duration::ZERO).await, Err(QueueTooLong(_))));
        drop(held);
        assert!(queue.enter(two, Duration::ZERO).await.is_ok());
    }
}
