//! Limits of password attempts: the counters of an attempt, and its wait for other attempts.
//!
//! `docs/OPERATIONS.md` has the table of all limits. `docs/adr/0012-lockouts-decay-and-spare-known-devices.md` gives
//! the reasons.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::known_device::DeviceKind;
use entity::user;
use entity::value::Email;

use super::Auth;
use super::attempt_turns::AttemptTurn;
use super::digest::sha256_hex;
use super::error::Error;
use super::fair_queue::QueuePlace;
use crate::client_limits::ClientNetworks;
use crate::clock::Stopwatch;
use crate::db::{
    AttemptCounters, Client, ClientSubjects, DeviceDigest, FailedLogin, Lane, Lockout, Lockouts, Pool, RequestContext,
};
use crate::db::{Reservation, ReserveOutcome};

const LOCKOUTS: Lockouts =
    Lockouts { lane: lockout(5, TimeDelta::hours(1)), client: lockout(50, TimeDelta::minutes(15)) };

/// Maximum number of concurrent attempts of one lane in this process. Further attempts wait in memory, without a query.
const ATTEMPTS_OF_LANE: usize = 2;
/// Maximum number of concurrent attempts of one client in this process.
const ATTEMPTS_OF_CLIENT: usize = 16;
/// Wait limit for attempts of other processes that may lock the counter. A password check takes less time.
const PATIENCE: Duration = Duration::from_secs(8);
/// Pause between two queries for attempts of other processes.
const PAUSE: Duration = Duration::from_millis(25);

const fn lockout(threshold: i32, decay: TimeDelta) -> Lockout {
    Lockout { threshold, first: TimeDelta::seconds(30), longest: TimeDelta::minutes(15), decay }
}

/// Returns the network that counts as one client: the IPv4 address, or the first 64 bits of an IPv6 address.
pub(super) fn network(ip: IpAddr) -> IpAddr {
    ClientNetworks::of(ip).narrow
}

/// E-mail address with which a client tries to log in.
pub(super) struct TriedAddress {
    pub(super) email: Option<Email>,
    folded: String,
    client: Option<IpAddr>,
}

impl TriedAddress {
    pub(super) fn new(email: &str, client: &Client) -> Self {
        // ASCII only, like the lookup of accounts: the Kelvin sign must not lock an address with the letter `k`
        let folded = email.trim().to_ascii_lowercase();
        Self { email: Email::parse_stored(email).ok(), folded, client: client.ip().map(network) }
    }

    /// Returns the counters of an attempt. Without an account, the attempt counts under the address.
    ///
    /// A device with a cookie of the account has its own counter, and does not count for its client.
    pub(super) fn counters(&self, account: Option<&user::Model>, device: Option<&DeviceDigest>) -> AttemptCounters {
        let lane = match (account, device) {
            (Some(user), Some(device)) => Lane::Own { user_id: user.id, subject: format!("device:{}", device.digest) },
            (Some(user), None) => Lane::Account(user.id),
            (None, _) => Lane::Address(format!("email:{}", sha256_hex(self.folded.as_bytes()))),
        };
        let has_cookie = account.is_some() && device.is_some_and(|device| device.kind == DeviceKind::Cookie);
        AttemptCounters { lane, client: if has_cookie { None } else { self.client_subjects() } }
    }

    fn client_subjects(&self) -> Option<ClientSubjects> {
        let client = self.client?;
        let pair = sha256_hex(format!("{client}\n{}", self.folded).as_bytes());
        Some(ClientSubjects { client: format!("ip:{client}"), pair: format!("pair:{pair}") })
    }

    /// Returns the part of a guess that identifies the client, the address and the stored hash, without the password.
    pub(super) fn guess(&self, account: Option<&user::Model>) -> String {
        // after a change of the password, each guess counts as new
        let hash = account.map_or("", |user| user.password_hash.expose());
        let client = self.client.map(|client| client.to_string()).unwrap_or_default();
        format!("{client}\n{}\n{hash}", self.folded)
    }
}

/// Counted attempt. If its request is cancelled before the decision, the drop takes the attempt out of the count,
/// because the client received no answer.
pub(super) struct HeldAttempt {
    pool: Pool,
    reservation: Option<Box<Reservation>>,
    now: DateTime<Utc>,
}

impl HeldAttempt {
    pub(super) fn reservation(&mut self) -> Option<&mut Reservation> {
        self.reservation.as_deref_mut()
    }

    /// Ends the attempt after its result was recorded.
    pub(super) fn decided(mut self) {
        self.reservation = None;
    }
}

impl Drop for HeldAttempt {
    fn drop(&mut self) {
        let Some(reservation) = self.reservation.take() else { return };
        let (pool, now) = (self.pool.clone(), self.now);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = pool.give_attempt_back(&reservation, now).await {
                tracing::warn!("the attempt of a cancelled request remains counted as failed: {error}");
            }
        });
    }
}

impl Auth {
    /// Refuses the attempt at once if one of its counters is locked.
    pub(super) async fn check_locks(
        &self,
        counters: &AttemptCounters,
        account: Option<&user::Model>,
        failure: &FailedLogin<'_>,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let Some(until) = self.pool.locked_until(counters, account, context.now).await? else { return Ok(()) };
        self.pool.record_refused_login(failure, context).await?;
        Err(Error::throttled(until, context.now))
    }

    /// Waits for earlier attempts of the lane and of the client in this process.
    pub(super) async fn wait_for_places(
        &self,
        counters: &AttemptCounters,
        turn: &mut AttemptTurn,
    ) -> Result<[Option<QueuePlace<()>>; 2], Error> {
        let lane = match &counters.lane {
            Lane::Account(id) => format!("account:{id}"),
            Lane::Address(subject) | Lane::Own { subject, .. } => subject.clone(),
        };
        let lane = self.attempts.enter(&lane, ATTEMPTS_OF_LANE, turn).await?;
        let Some(subjects) = &counters.client else { return Ok([Some(lane), None]) };
        Ok([Some(lane), Some(self.attempts.enter(&subjects.client, ATTEMPTS_OF_CLIENT, turn).await?)])
    }

    /// Counts an attempt before its password is checked. It waits for attempts of other processes that may lock its
    /// counter.
    pub(super) async fn reserve(
        &self,
        turn: &mut AttemptTurn,
        counters: &AttemptCounters,
        failure: &FailedLogin<'_>,
        context: &RequestContext,
    ) -> Result<HeldAttempt, Error> {
        let watch = Stopwatch::start();
        loop {
            match self.pool.reserve_attempt(counters, LOCKOUTS, context.now).await? {
                ReserveOutcome::Counted(reservation) => {
                    return Ok(HeldAttempt {
                        pool: self.pool.clone(),
                        reservation: Some(reservation),
                        now: context.now,
                    });
                }
                ReserveOutcome::Locked(until) => {
                    self.pool.record_refused_login(failure, context).await?;
                    return Err(Error::throttled(until, context.now));
                }
                ReserveOutcome::Pending if watch.elapsed() > PATIENCE => return Err(Error::Busy),
                ReserveOutcome::Pending => turn.pause(tokio::time::sleep(PAUSE)).await?,
            }
        }
    }

    /// Records that an attempt failed.
    pub(super) async fn record_failure(
        &self,
        failure: &FailedLogin<'_>,
        mut held: HeldAttempt,
        context: &RequestContext,
    ) -> Result<(), Error> {
        if let Some(reservation) = held.reservation() {
            self.pool.attempt_failed(failure, reservation, context).await?;
            if let Some(until) = reservation.client_locked_until() {
                let ip = context.client.ip().map(|ip| network(ip).to_string()).unwrap_or_default();
                tracing::warn!(
                    client = ip, until = %until.to_rfc3339(),
                    "a client is locked after too many failed logins. If it is a proxy, all clients behind it are locked: set AUTHSVC_TRUSTED_PROXIES"
                );
            }
        }
        held.decided();
        Ok(())
    }
}
