//! Password attempts, counted before the password is checked. The limit therefore holds for any number of clients at
//! once. A correct password takes back its own attempt.
//!
//! An attempt is counted in one lane: of the account, of an address without an account, of a known device, or of an
//! open session. The lock of the account does not refuse the lanes of devices and sessions. Their failures are added to
//! the account after the check. An operator who sets `users.locked_until` to NULL therefore unlocks all lanes of the
//! account. Most attempts are also counted for the client. A correct password takes back this client's earlier failures
//! with this account.
//!
//! The lock order is that of `db/sessions.rs`: the account, then throttles in the order of their subjects.

use chrono::{DateTime, Utc};
use entity::auth_event::AuthEventKind;
use entity::{login_throttle, user};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::account_lockouts;
use super::audit_log::FailedLogin;
use super::lockout_counter::{Lockout, Reserved};
use super::login_throttles;
use super::pinned_settings::CommitWait;
use super::query_runner::unique_row;
use super::request_context::RequestContext;
use super::sessions::lock_account;
use super::{Error, Pool, Transaction};

/// Limits of attempts, for lanes and for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockouts {
    /// Limit of a lane: an account, an address without an account, a known device, or a session.
    pub lane: Lockout,
    /// Limit of a client, for all accounts together.
    pub client: Lockout,
}

/// Counter of an attempt other than that of its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lane {
    /// Counter in the row of the account with this id.
    Account(i64),
    /// Subject `email:` with a digest, for an address without an account.
    Address(String),
    /// Subject `device:` or `session:` of an account. The lock of the account does not refuse it.
    Own {
        /// Id of the account.
        user_id: i64,
        /// Subject of the counter in `login_throttles`.
        subject: String,
    },
}

impl Lane {
    /// Returns the subject in `login_throttles`; `None` for the counter of an account.
    fn subject(&self) -> Option<&str> {
        match self {
            Self::Account(_) => None,
            Self::Address(subject) | Self::Own { subject, .. } => Some(subject),
        }
    }
}

/// Subjects in `login_throttles` under which an attempt is counted for its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSubjects {
    /// Subject `ip:` with the client's address.
    pub client: String,
    /// Subject `pair:` with a digest of the client and the email address that it tries.
    pub pair: String,
}

/// Counters that an attempt is added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptCounters {
    /// Lane in which the attempt is counted.
    pub lane: Lane,
    /// Subjects of the client; `None` if the attempt is not counted for a client.
    pub client: Option<ClientSubjects>,
}

/// Attempt that is counted and not yet decided.
#[derive(Debug, Clone)]
pub struct Reservation {
    pub(super) counters: AttemptCounters,
    lockouts: Lockouts,
    /// End of the lane's lock that follows if the attempt fails.
    lane_until: Option<DateTime<Utc>>,
    client_until: Option<DateTime<Utc>>,
}

/// Result of counting an attempt.
#[derive(Debug, Clone)]
pub enum ReserveOutcome {
    /// The attempt is counted.
    Counted(Box<Reservation>),
    /// A counter is locked until this time. Nothing is counted.
    Locked(DateTime<Utc>),
    /// The lock of a counter depends on attempts that are still being checked. A second call a moment later may count
    /// the attempt.
    Pending,
}

impl Pool {
    /// Returns the latest end of the locks that refuse an attempt. It does not wait for attempts that are being
    /// checked.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn locked_until(
        &self,
        counters: &AttemptCounters,
        account: Option<&user::Model>,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, Error> {
        let is_unlocked = account.is_some_and(|account| account.locked_until.is_none());
        let lane = match &counters.lane {
            Lane::Own { .. } if is_unlocked => None,
            lane => lane.subject(),
        };
        let subjects = [lane, counters.client.as_ref().map(|client| client.client.as_str())];
        let subjects: Vec<String> = subjects.into_iter().flatten().map(str::to_owned).collect();
        let rows = match subjects.is_empty() {
            true => Vec::new(),
            false => login_throttle::Entity::of(&subjects).all(self.runner()).await?,
        };
        let locked = rows.iter().filter_map(|row| login_throttles::lock(row).decided(now)).max();
        let of_account = account.filter(|_| matches!(counters.lane, Lane::Account(_)));
        Ok(locked.max(of_account.and_then(|account| account_lockouts::lock(account).decided(now))))
    }

    /// Counts an attempt in its lane and for its client: in both or in neither.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is counted.
    pub async fn reserve_attempt(
        &self,
        counters: &AttemptCounters,
        lockouts: Lockouts,
        now: DateTime<Utc>,
    ) -> Result<ReserveOutcome, Error> {
        // the answer to the client is committed later and waits for the disk, which then holds this transaction too
        let transaction = self.runner().begin_with(CommitWait::Nothing).await?;
        let lane = reserve_lane(&transaction, &counters.lane, lockouts.lane, now).await?;
        let client = match (lane, &counters.client) {
            (Reserved::Counted(_), Some(subjects)) => {
                login_throttles::reserve(&transaction, &subjects.client, lockouts.client, now).await?
            }
            _ => Reserved::Counted(None),
        };
        let (Reserved::Counted(lane_until), Reserved::Counted(client_until)) = (lane, client) else {
            transaction.rollback().await?;
            return Ok(match (lane, client) {
                (Reserved::Locked(until), _) | (_, Reserved::Locked(until)) => ReserveOutcome::Locked(until),
                _ => ReserveOutcome::Pending,
            });
        };
        transaction.commit().await?;
        let reservation = Reservation { counters: counters.clone(), lockouts, lane_until, client_until };
        Ok(ReserveOutcome::Counted(Box::new(reservation)))
    }

    /// Takes back an attempt whose password was not checked.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case the attempt remains
    /// counted.
    pub async fn give_attempt_back(&self, reservation: &Reservation, now: DateTime<Utc>) -> Result<(), Error> {
        let transaction = self.runner().begin().await?;
        let lock = (reservation.lockouts.lane, reservation.lane_until);
        match &reservation.counters.lane {
            Lane::Account(id) => account_lockouts::forgive(&transaction, *id, 1, lock, now).await?,
            Lane::Address(subject) | Lane::Own { subject, .. } => {
                login_throttles::forgive(&transaction, subject, 1, lock, now).await?;
            }
        }
        forgive_client(&transaction, reservation, 1, now).await?;
        Ok(transaction.commit().await?)
    }

    /// Takes back the count for the client, because it tried this password for this account before.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case the attempt remains
    /// counted.
    pub async fn give_client_back(&self, reservation: &mut Reservation, now: DateTime<Utc>) -> Result<(), Error> {
        forgive_client(self.runner(), reservation, 1, now).await?;
        reservation.counters.client = None;
        Ok(())
    }

    /// Records that the password of a logged-in account was correct, and resets the failures of its session.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case the attempt remains
    /// counted.
    pub async fn attempt_succeeded(&self, reservation: &Reservation, now: DateTime<Utc>) -> Result<(), Error> {
        let transaction = self.runner().begin().await?;
        if let Lane::Own { user_id, .. } = &reservation.counters.lane {
            lock_account(&transaction, *user_id).await?;
        }
        succeeded(&transaction, reservation, now).await?;
        Ok(transaction.commit().await?)
    }

    /// Records that a counted attempt failed, and the lock that follows.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is recorded.
    pub async fn attempt_failed(
        &self,
        failure: &FailedLogin<'_>,
        reservation: &Reservation,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let transaction = self.runner().begin().await?;
        let counters = &reservation.counters;
        let locked = match &counters.lane {
            Lane::Account(id) => {
                account_lockouts::failed(&transaction, *id, context.now).await?;
                reservation.lane_until
            }
            Lane::Address(subject) => {
                login_throttles::failed(&transaction, subject, context.now).await?;
                None
            }
            Lane::Own { user_id, subject } => {
                let locked =
                    account_lockouts::add_failure(&transaction, *user_id, reservation.lockouts.lane, context.now)
                        .await?;
                login_throttles::failed(&transaction, subject, context.now).await?;
                locked
            }
        };
        if let Some(subjects) = &counters.client {
            login_throttles::failed(&transaction, &subjects.client, context.now).await?;
            login_throttles::add_failure(&transaction, &subjects.pair, reservation.lockouts.client, context.now)
                .await?;
        }
        failure.event(AuthEventKind::LoginFailed).with_detail(failure.reason).record(&transaction, context).await?;
        if let (Some(until), Some(_)) = (locked, failure.user_id) {
            let detail = format!("until {}", until.to_rfc3339());
            failure.event(AuthEventKind::AccountLocked).with_detail(&detail).record(&transaction, context).await?;
        }
        Ok(transaction.commit().await?)
    }
}

impl Reservation {
    /// Returns the end of the client's lock that follows if the attempt fails.
    pub fn client_locked_until(&self) -> Option<DateTime<Utc>> {
        self.client_until
    }
}

/// Resets the failures of the lane and of this client with this account. The transaction has locked the account's row.
pub(super) async fn succeeded(
    transaction: &Transaction,
    reservation: &Reservation,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let Reservation { counters, lockouts, lane_until, .. } = reservation;
    let lock = (lockouts.lane, *lane_until);
    let own = counters.lane.subject().map(|subject| (subject, lockouts.lane));
    let pair = counters.client.as_ref().map(|subjects| (subjects.pair.as_str(), lockouts.client));
    let [failures, of_pair] = login_throttles::failures(transaction, [own, pair], now).await?;
    match &counters.lane {
        Lane::Account(id) => account_lockouts::reset(transaction, *id, now).await?,
        Lane::Address(subject) => login_throttles::forgive(transaction, subject, 1, lock, now).await?,
        Lane::Own { user_id, subject } => {
            if failures > 0 {
                account_lockouts::take_off(transaction, *user_id, failures, lockouts.lane, now).await?;
            }
            login_throttles::forgive(transaction, subject, failures + 1, lock, now).await?;
        }
    }
    let Some(subjects) = &counters.client else { return Ok(()) };
    forgive_client(transaction, reservation, of_pair + 1, now).await?;
    if of_pair > 0 {
        let pair = login_throttle::Entity::delete_many().filter(login_throttle::Column::Subject.eq(&*subjects.pair));
        pair.exec(transaction).await?;
    }
    Ok(())
}

/// Takes back the count for the client, and earlier failures of the client.
async fn forgive_client(
    connection: &impl ConnectionTrait,
    reservation: &Reservation,
    amount: i64,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let Some(subjects) = &reservation.counters.client else { return Ok(()) };
    let lock = (reservation.lockouts.client, reservation.client_until);
    login_throttles::forgive(connection, &subjects.client, amount, lock, now).await
}

async fn reserve_lane(
    transaction: &Transaction,
    lane: &Lane,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<Reserved, DbErr> {
    match lane {
        Lane::Account(id) => account_lockouts::reserve(transaction, *id, lockout, now).await,
        Lane::Address(subject) => login_throttles::reserve(transaction, subject, lockout, now).await,
        Lane::Own { user_id, subject } => {
            let reserved = login_throttles::reserve(transaction, subject, lockout, now).await?;
            let Reserved::Locked(until) = reserved else { return Ok(reserved) };
            let account = unique_row(user::Entity::find_by_id(*user_id).all(transaction).await?);
            if account.is_none_or(|account| account.locked_until.is_some()) {
                return Ok(reserved);
            }
            login_throttles::unlock(transaction, subject, until).await?;
            login_throttles::reserve(transaction, subject, lockout, now).await
        }
    }
}
