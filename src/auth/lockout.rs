//! The limits of attempts with a password: what an attempt is counted under, and how it waits for others.
//!
//! The table of all limits is in `docs/OPERATIONS.md`, the reasons are in `docs/adr/0012-lockouts-decay-and-spare-known-devices.md`.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::known_device::DeviceKind;
use entity::user;
use entity::value::Email;

use super::Auth;
use super::digest::sha256_hex;
use super::error::Error;
use super::fair_queue::QueuePlace;
use super::turns::AttemptTurn;
use crate::clients::ClientNetworks;
use crate::clock::Stopwatch;
use crate::db::{
    AttemptCounters, Client, ClientSubjects, DeviceDigest, FailedLogin, Lane, Lockout, Lockouts, Pool, RequestContext,
};
use crate::db::{Reservation, ReserveOutcome};

const LOCKOUTS: Lockouts =
    Lockouts { lane: lockout(5, TimeDelta::hours(1)), client: lockout(50, TimeDelta::minutes(15)) };

/// Attempts of one lane that are under way at once in this process. Further ones wait in memory, without a query.
const ATTEMPTS_OF_LANE: usize = 2;
/// Likewise for one client.
const ATTEMPTS_OF_CLIENT: usize = 16;
/// How long an attempt waits for attempts of other processes that may lock its counter. A password is checked sooner.
const PATIENCE: Duration = Duration::from_secs(8);
/// Between two looks at them.
const PAUSE: Duration = Duration::from_millis(25);

const fn lockout(threshold: i32, decay: TimeDelta) -> Lockout {
    Lockout { threshold, first: TimeDelta::seconds(30), longest: TimeDelta::minutes(15), decay }
}

/// The client that an address stands for: a client with an IPv6 address has all of its first 64 bits.
pub(super) fn network(ip: IpAddr) -> IpAddr {
    ClientNetworks::of(ip).narrow
}

/// An address that a client tries to log in with.
pub(super) struct TriedAddress {
    pub(super) email: Option<Email>,
    folded: String,
    client: Option<IpAddr>,
}

impl TriedAddress {
    pub(super) fn new(email: &str, client: &Client) -> Self {
        // ASCII only, as accounts are found: the Kelvin sign is no `k`, and must not lock the address with a `k`
        let folded = email.trim().to_ascii_lowercase();
        Self { email: Email::parse_stored(email).ok(), folded, client: client.ip().map(network) }
    }

    /// What an attempt for this account is counted under; `None`: no account has the address. A device that has the account's cookie
    /// has a counter of its own, and is not counted for its client.
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

    /// What identifies a guess of this client, besides the password.
    pub(super) fn guess(&self, account: Option<&user::Model>) -> String {
        // a new password makes each guess a new one
        let hash = account.map_or("", |user| user.password_hash.expose());
        let client = self.client.map(|client| client.to_string()).unwrap_or_default();
        format!("{client}\n{}\n{hash}", self.folded)
    }
}

/// An attempt that is counted. If it is dropped before it is decided, because its request was given up, it is given back: its client got no
/// answer.
pub(super) struct HeldAttempt {
    pool: Pool,
    reservation: Option<Box<Reservation>>,
    now: DateTime<Utc>,
}

impl HeldAttempt {
    pub(super) fn reservation(&mut self) -> Option<&mut Reservation> {
        self.reservation.as_deref_mut()
    }

    /// It was decided, and that is recorded.
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
                tracing::warn!("an attempt of a request that was given up stays counted as failed: {error}");
            }
        });
    }
}

impl Auth {
    /// Refuses an attempt that a lock refuses, without waiting.
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

    /// Counts an attempt before its password is checked. It waits for attempts of other processes if they may lock its counter.
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
                    "a client failed to log in too often, and is locked: if it is a proxy, all clients behind it are locked; set AUTHSVC_TRUSTED_PROXIES"
                );
            }
        }
        held.decided();
        Ok(())
    }
}
