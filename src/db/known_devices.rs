//! `known_devices`: devices and addresses that an account logged in from lately.
//!
//! The ten newest of each kind are kept for an account, each for 90 days after its last login. A new password forgets all of them.

use chrono::{DateTime, TimeDelta, Utc};
use entity::known_device::{ActiveModel, Column, Entity, Kind};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Set,
};

use super::database_identity::{Principal, is_current};
use super::{Error, Pool};

/// Days after the last login for which a device is known. The cookie and cleanup have the same number.
pub const KNOWN_DAYS: u32 = 90;
/// Devices of each kind that are kept for one account.
const MOST: u64 = 10;
/// A device that was recorded so long ago at most is not recorded again.
const FRESH: TimeDelta = TimeDelta::hours(12);

/// What a device of an account is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceDigest {
    /// By a cookie, or by its address.
    pub kind: Kind,
    /// 64 characters: a keyed digest of the account with the cookie or the address.
    pub digest: String,
}

impl Pool {
    /// The first of these devices that is known, in the given order.
    ///
    /// # Errors
    /// What the database said.
    pub async fn known_device(
        &self,
        devices: &[DeviceDigest],
        now: DateTime<Utc>,
    ) -> Result<Option<DeviceDigest>, Error> {
        let digests = devices.iter().map(|device| device.digest.as_str());
        let select = Entity::find()
            .filter(Column::Digest.is_in(digests))
            .filter(Column::LastLoginAt.gt(now - TimeDelta::days(KNOWN_DAYS.into())));
        let rows = select.all(self.queries()).await?;
        let is_known = |device: &&DeviceDigest| rows.iter().any(|row| row.digest == device.digest);
        Ok(devices.iter().find(is_known).cloned())
    }

    /// Records a login of an account from these devices, and forgets the oldest ones. An account that was deleted or
    /// restored meanwhile has none.
    ///
    /// # Errors
    /// What the database said; nothing is recorded.
    pub async fn remember_devices(
        &self,
        principal: Principal,
        devices: &[DeviceDigest],
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let digests = devices.iter().map(|device| device.digest.as_str());
        let fresh = Entity::find().filter(Column::Digest.is_in(digests)).filter(Column::LastLoginAt.gt(now - FRESH));
        let fresh = fresh.all(self.queries()).await?;
        let stale = |device: &&DeviceDigest| fresh.iter().all(|row| row.digest != device.digest);
        let stale: Vec<&DeviceDigest> = devices.iter().filter(stale).collect();
        if stale.is_empty() {
            return Ok(());
        }
        let transaction = self.queries().begin().await?;
        let account = super::sessions::lock_account(&transaction, principal.user_id).await?;
        if account.is_none() || !is_current(&transaction, principal.epoch).await? {
            return Ok(transaction.rollback().await?);
        }
        for device in stale {
            remember(&transaction, principal.user_id, device, now).await?;
        }
        Ok(transaction.commit().await?)
    }
}

async fn remember(
    connection: &impl ConnectionTrait,
    user_id: i64,
    device: &DeviceDigest,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        digest: Set(device.digest.clone()),
        user_id: Set(user_id),
        kind: Set(device.kind),
        last_login_at: Set(now),
    };
    let again = OnConflict::column(Column::Digest).update_column(Column::LastLoginAt).to_owned();
    Entity::insert(row).on_conflict(again).exec_without_returning(connection).await?;
    let of_account = Entity::find().filter(Column::UserId.eq(user_id)).filter(Column::Kind.eq(device.kind));
    let newest = of_account.select_only().column(Column::Digest).order_by_desc(Column::LastLoginAt).limit(MOST);
    Entity::delete_many()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::Kind.eq(device.kind))
        .filter(Expr::col(Column::Digest).not_in_subquery(newest.into_query()))
        .exec(connection)
        .await
        .map(|_| ())
}

/// Forgets every device of an account.
pub(super) async fn forget(connection: &impl ConnectionTrait, user_id: i64) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(connection).await.map(|_| ())
}
