//! Rate limits and networks of clients, derived from their IP addresses.
//!
//! An IPv6 client controls all addresses of its first 64 bits, and possibly of its first 48. Both networks are limited.
//! The limit of the wide network is a multiple, because several clients may share it. An IPv4 client has one address.
//! Its first 24 bits are treated like the first 48 bits of IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

/// Number of clients assumed to share a /24 of IPv4. The limits of the wide network are multiplied by it.
pub(crate) const SHARERS_V4: u32 = 16;
/// Number of clients assumed to share a /48 of IPv6. The limits of the wide network are multiplied by it.
pub(crate) const SHARERS_V6: u32 = 4;
/// Number of calls of [`ClientRates::wait`] after which idle clients are evicted.
const FORGET_EVERY: u32 = 4096;

/// The two networks of one client address. Each is written as the first address of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientNetworks {
    /// The whole address for IPv4, the first 64 bits for IPv6.
    pub(crate) narrow: IpAddr,
    /// The first 24 bits for IPv4, the first 48 bits for IPv6.
    pub(crate) wide: IpAddr,
}

impl ClientNetworks {
    /// Returns the networks of an address. An IPv4-mapped IPv6 address counts as IPv4.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(ip) => {
                let wide = Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << 8));
                Self { narrow: IpAddr::V4(ip), wide: IpAddr::V4(wide) }
            }
            IpAddr::V6(ip) => {
                let first = |bits: u32| IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << (128 - bits))));
                Self { narrow: first(64), wide: first(48) }
            }
        }
    }
}

/// Rate limiter per client: one rate for the narrow network, and a multiple of it for the wide network.
pub(crate) struct ClientRates {
    narrow: DefaultKeyedRateLimiter<IpAddr>,
    wide_v4: DefaultKeyedRateLimiter<IpAddr>,
    wide_v6: DefaultKeyedRateLimiter<IpAddr>,
    asked: AtomicU32,
}

impl ClientRates {
    /// Allows `count` requests per `period` and narrow network, refilled evenly, and up to `burst` requests at once.
    pub(crate) fn new(count: NonZeroU32, period: Duration, burst: NonZeroU32) -> Self {
        let limiter = |sharers: u32| {
            let sharers = NonZeroU32::MIN.saturating_add(sharers.saturating_sub(1));
            let (count, burst) = (count.saturating_mul(sharers), burst.saturating_mul(sharers));
            let quota = Quota::with_period(period / count.get()).unwrap_or(Quota::per_second(count));
            DefaultKeyedRateLimiter::keyed(quota.allow_burst(burst))
        };
        Self {
            narrow: limiter(1),
            wide_v4: limiter(SHARERS_V4),
            wide_v6: limiter(SHARERS_V6),
            asked: AtomicU32::new(0),
        }
    }

    /// Counts one request of a client. Returns the time until the next allowed request if the client is over its rate.
    pub(crate) fn wait(&self, client: IpAddr) -> Option<Duration> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            [&self.narrow, &self.wide_v4, &self.wide_v6].into_iter().for_each(DefaultKeyedRateLimiter::retain_recent);
        }
        let networks = ClientNetworks::of(client);
        let wide = if networks.wide.is_ipv4() { &self.wide_v4 } else { &self.wide_v6 };
        let refused = self.narrow.check_key(&networks.narrow).err().or_else(|| wide.check_key(&networks.wide).err());
        refused.map(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(burst: u32) -> ClientRates {
        ClientRates::new(NonZeroU32::MIN, Duration::from_secs(3600), NonZeroU32::new(burst).unwrap())
    }

    #[test]
    fn an_address_has_two_networks() {
        for (address, narrow, wide) in [
            ("203.0.113.9", "203.0.113.9", "203.0.113.0"),
            ("::ffff:203.0.113.9", "203.0.113.9", "203.0.113.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"),
            ("::1", "::", "::"),
        ] {
            let networks = ClientNetworks::of(address.parse().unwrap());
            assert_eq!((networks.narrow.to_string(), networks.wide.to_string()), (narrow.to_owned(), wide.to_owned()));
        }
    }

    #[test]
    fn a_network_with_many_clients_has_a_bound_of_its_own() {
        let (v6, v4) = (rates(3), rates(3));
        let allowed = |rates: &ClientRates, addresses: Vec<String>| {
            addresses.iter().filter(|address| rates.wait(address.parse().unwrap()).is_none()).count()
        };
        assert_eq!(allowed(&v6, (0..9).map(|host| format!("2001:db8:1:2::{host:x}")).collect()), 3);
        assert_eq!(allowed(&v6, (0..99).map(|net| format!("2001:db8:7:{net:x}::1")).collect()), 12);
        assert_eq!(allowed(&v6, vec!["2001:db8:8::1".to_owned()]), 1, "another network is not affected");
        assert_eq!(allowed(&v4, (0..99).map(|host| format!("203.0.113.{host}")).collect()), 48);
        assert_eq!(allowed(&v4, vec!["203.0.114.1".to_owned(); 9]), 3);
    }
}
