//! Attempts with a password, counted before the password is checked: as many checks are made as the limit allows, however many clients
//! try at once. A right password gives its attempt back.
//!
//! The lock order is that of `db/sessions.rs`: the account, then throttles in the order of their subjects (`email:`, `ip:`).

use chrono::{DateTime, Utc};
use entity::auth_event::Kind;
use entity::user::{Column, Entity};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::accounts::{Failure, Lockouts, failed};
use super::throttles::{self, Lockout, Reserved};
use super::trail::Client;
use super::{Error, Pool, Transaction};

/// An attempt that is counted, and not decided yet.
#[derive(Debug, Clone)]
pub struct Reservation {
    user_id: Option<i64>,
    address: String,
    client: Option<String>,
    /// The end of the lock that follows if the attempt fails.
    address_until: Option<DateTime<Utc>>,
    client_until: Option<DateTime<Utc>>,
}

impl Pool {
    /// Counts an attempt against the account, or the address without one, and against the client. `Err(until)`: one of them is locked until
    /// then; nothing is counted.
    ///
    /// # Errors
    /// What the database said; nothing is counted.
    pub async fn reserve_attempt(
        &self,
        attempt: &Failure<'_>,
        lockouts: Lockouts,
        now: DateTime<Utc>,
    ) -> Result<Result<Reservation, DateTime<Utc>>, Error> {
        let transaction = self.queries().begin().await?;
        let address = match attempt.user_id {
            Some(id) => reserve_account(&transaction, id, lockouts.address, now).await?,
            None => throttles::reserve(&transaction, attempt.address, lockouts.address, now).await?,
        };
        let client = match (address, attempt.client) {
            (Reserved::Counted(_), Some(subject)) => {
                throttles::reserve(&transaction, subject, lockouts.client, now).await?
            }
            _ => Reserved::Counted(None),
        };
        let (Reserved::Counted(address_until), Reserved::Counted(client_until)) = (address, client) else {
            transaction.rollback().await?;
            return Ok(Err(address.locked_until().or(client.locked_until()).unwrap_or(now)));
        };
        transaction.commit().await?;
        Ok(Ok(Reservation {
            user_id: attempt.user_id,
            address: attempt.address.to_owned(),
            client: attempt.client.map(str::to_owned),
            address_until,
            client_until,
        }))
    }

    /// Gives an attempt back, with the lock that it would have been followed by: the password was right, or was not checked.
    ///
    /// # Errors
    /// What the database said; the attempt stays counted.
    pub async fn give_attempt_back(&self, reservation: &Reservation, now: DateTime<Utc>) -> Result<(), Error> {
        let transaction = self.queries().begin().await?;
        match reservation.user_id {
            Some(id) => give_back_account(&transaction, id, reservation.address_until, now).await?,
            None => throttles::give_back(&transaction, &reservation.address, reservation.address_until).await?,
        }
        give_back_client(&transaction, reservation).await?;
        Ok(transaction.commit().await?)
    }

    /// Records that a counted attempt failed, and the lock that follows.
    ///
    /// # Errors
    /// What the database said; nothing is recorded.
    pub async fn attempt_failed(
        &self,
        failure: &Failure<'_>,
        reservation: &Reservation,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let transaction = self.queries().begin().await?;
        let address = reservation.user_id.is_none().then_some(reservation.address.as_str());
        let subjects: Vec<&str> = [address, reservation.client.as_deref()].into_iter().flatten().collect();
        throttles::failed_now(&transaction, &subjects, now).await?;
        failed(failure, Kind::LoginFailed).because(failure.reason).record(&transaction, client, now).await?;
        if let (Some(until), Some(_)) = (reservation.address_until, reservation.user_id) {
            let detail = format!("until {}", until.to_rfc3339());
            failed(failure, Kind::AccountLocked).because(&detail).record(&transaction, client, now).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Gives back what a client's reservation counted.
pub(super) async fn give_back_client(transaction: &Transaction, reservation: &Reservation) -> Result<(), DbErr> {
    let Some(subject) = &reservation.client else { return Ok(()) };
    throttles::give_back(transaction, subject, reservation.client_until).await
}

async fn reserve_account(
    connection: &impl ConnectionTrait,
    id: i64,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<Reserved, DbErr> {
    // the greatest count that the column holds stays
    let count = || Expr::col(Column::FailedLoginCount);
    let one_more = || CaseStatement::new().case(count().lt(i32::MAX), count().add(1)).finally(count());
    let is_free = Condition::any().add(Column::LockedUntil.is_null()).add(Column::LockedUntil.lte(now));
    let counted = Entity::update_many()
        .col_expr(Column::FailedLoginCount, one_more().into())
        .col_expr(Column::LockedUntil, lockout.lock_after(one_more().into(), Expr::col(Column::LockedUntil), now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(is_free)
        .exec_with_returning(connection)
        .await?;
    if let Some(user) = counted.first() {
        return Ok(Reserved::counted(user.locked_until, now));
    }
    // locked, or deleted since it was looked up
    let user = Entity::find_by_id(id).one(connection).await?;
    Ok(user.map_or(Reserved::Counted(None), |user| Reserved::Locked(user.locked_until.unwrap_or(now))))
}

async fn give_back_account(
    connection: &impl ConnectionTrait,
    id: i64,
    until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::FailedLoginCount, Expr::col(Column::FailedLoginCount).sub(1))
        .col_expr(Column::UpdatedAt, Expr::value(now));
    if let Some(until) = until {
        let ours = Expr::col(Column::LockedUntil).eq(until);
        let kept = CaseStatement::new().case(ours, None::<DateTime<Utc>>).finally(Expr::col(Column::LockedUntil));
        update = update.col_expr(Column::LockedUntil, kept.into());
    }
    update.filter(Column::Id.eq(id)).filter(Column::FailedLoginCount.gt(0)).exec(connection).await.map(|_| ())
}
