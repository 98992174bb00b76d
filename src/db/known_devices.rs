//! Table `known_devices`: devices and addresses from which an account recently logged in.
//!
//! The ten newest of each kind are kept for an account, each for 90 days after its last login. A new password removes
//! all of them.

use chrono::{DateTime, TimeDelta, Utc};
use entity::known_device::{ActiveModel, Column, DeviceKind, Entity};
use entity::user;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Iterable as _, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Set,
};

use super::database_identity::{Principal, is_in};
use super::pinned_settings::CommitWait;
use super::sessions::locked;
use super::{Error, Pool};

/// Days after the last login during which a device is known. The cookie and cleanup use this number too.
pub const KNOWN_DAYS: u32 = 90;
/// Maximum number of devices of each kind that are kept for one account.
const MOST: u64 = 10;
/// Time after a device was recorded during which it is not recorded again.
const FRESH: TimeDelta = TimeDelta::hours(12);

/// Digest by which a device of an account is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceDigest {
    /// Kind of the device: recognised by a cookie, or by its address.
    pub kind: DeviceKind,
    /// Keyed digest of the account with the cookie or the address, 64 characters.
    pub digest: String,
}

impl Pool {
    /// Returns the first of these devices that is known, in the given order.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn known_device(
        &self,
        devices: &[DeviceDigest],
        now: DateTime<Utc>,
    ) -> Result<Option<DeviceDigest>, Error> {
        let digests = devices.iter().map(|device| device.digest.as_str());
        let select = Entity::find()
            .filter(Column::Digest.is_in(digests))
            .filter(Column::LastLoginAt.gt(now - TimeDelta::days(KNOWN_DAYS.into())));
        let rows = select.all(self.runner()).await?;
        let is_known = |device: &&DeviceDigest| rows.iter().any(|row| row.digest == device.digest);
        Ok(devices.iter().find(is_known).cloned())
    }

    /// Records a login of an account from these devices, and removes the oldest devices. It writes nothing if each
    /// device was recorded recently. An account that was deleted or restored in the meantime has no devices. A crash of
    /// the server may undo the record, and the device is then unknown.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is recorded.
    pub async fn remember_devices(
        &self,
        principal: Principal,
        devices: &[DeviceDigest],
        cookie: CookieValue,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        if cookie == CookieValue::Kept && self.are_fresh(devices, now).await? {
            return Ok(());
        }
        let transaction = self.runner().begin_with(CommitWait::Nothing).await?;
        let account = user::Entity::find_by_id(principal.user_id).filter(is_in(principal.epoch));
        if locked(account).all(&transaction).await?.is_empty() {
            return Ok(transaction.rollback().await?);
        }
        if record(&transaction, principal.user_id, devices, now).await? > 0 {
            forget_oldest(&transaction, principal.user_id).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Returns true if all of these devices were recorded recently.
    async fn are_fresh(&self, devices: &[DeviceDigest], now: DateTime<Utc>) -> Result<bool, Error> {
        let digests = devices.iter().map(|device| device.digest.as_str());
        let fresh = Entity::find().filter(Column::Digest.is_in(digests)).filter(Column::LastLoginAt.gt(now - FRESH));
        let fresh = fresh.all(self.runner()).await?;
        Ok(devices.iter().all(|device| fresh.iter().any(|row| row.digest == device.digest)))
    }
}

/// Origin of a device's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieValue {
    /// The device sent the cookie, and it was known.
    Kept,
    /// The cookie was created for this login, so that it cannot be recorded yet.
    New,
}

/// Records the devices that were not recorded recently. Returns how many it recorded.
async fn record(
    connection: &impl ConnectionTrait,
    user_id: i64,
    devices: &[DeviceDigest],
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let row = |device: &DeviceDigest| ActiveModel {
        digest: Set(device.digest.clone()),
        user_id: Set(user_id),
        kind: Set(device.kind),
        last_login_at: Set(now),
    };
    let is_stale = Expr::col((Entity, Column::LastLoginAt)).lte(now - FRESH);
    let again =
        OnConflict::column(Column::Digest).update_column(Column::LastLoginAt).action_and_where(is_stale).to_owned();
    Entity::insert_many(devices.iter().map(row)).on_conflict(again).exec_without_returning(connection).await
}

/// Removes all but the newest devices of each kind.
async fn forget_oldest(connection: &impl ConnectionTrait, user_id: i64) -> Result<(), DbErr> {
    let newest = |kind: DeviceKind| {
        let of_kind = Entity::find().filter(Column::UserId.eq(user_id)).filter(Column::Kind.eq(kind));
        of_kind.select_only().column(Column::Digest).order_by_desc(Column::LastLoginAt).limit(MOST).into_query()
    };
    DeviceKind::iter()
        .fold(Entity::delete_many().filter(Column::UserId.eq(user_id)), |delete, kind| {
            delete.filter(Expr::col(Column::Digest).not_in_subquery(newest(kind)))
        })
        .exec(connection)
        .await
        .map(|_| ())
}

/// Removes every device of an account.
pub(super) async fn forget(connection: &impl ConnectionTrait, user_id: i64) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(connection).await.map(|_| ())
}
