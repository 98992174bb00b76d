//! `database_identity`: which database this is, and its epoch.
//!
//! A restore gives the database a new epoch. Invariant: a request that names an account by an id reads or writes it only in the
//! epoch in which that id was learned, by a condition of the same statement. A swap locks every table, so within a transaction
//! that has written once the epoch does not change.

use entity::database_identity::{Column, Entity, ONLY_ROW};
use entity::user;
use sea_orm::sea_query::{Expr, Query, SelectStatement, SimpleExpr, SubQueryStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect,
};

use super::query_runner::unique_row;
use super::{Error, Pool};

/// Length of a UUID as text.
const LENGTH: usize = 36;

/// What a restore replaces: a random UUID, as the database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; LENGTH]);

impl Epoch {
    /// Reads 36 ASCII characters; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().filter(|_| text.is_ascii()).map(Self)
    }

    /// The UUID as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(super) fn from_column(text: Option<&str>) -> Result<Self, DbErr> {
        let missing = || DbErr::RecordNotFound("`database_identity` has no row with an epoch".to_owned());
        text.and_then(Self::parse).ok_or_else(missing)
    }
}

/// An account that a request acts for, and the epoch in which the account's id was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub user_id: i64,
    /// The id is void in any other epoch.
    pub epoch: Epoch,
}

/// An account as it was looked up, and the epoch of the database at that moment.
#[derive(Debug, Clone)]
pub struct FoundAccount {
    /// The account.
    pub user: user::Model,
    /// The epoch.
    pub epoch: Epoch,
}

#[derive(FromQueryResult)]
struct AccountRow {
    #[sea_orm(nested)]
    user: user::Model,
    epoch: Option<String>,
}

impl Pool {
    /// The epoch of the database.
    ///
    /// # Errors
    /// What the database said, or that the row is missing.
    pub async fn epoch(&self) -> Result<Epoch, Error> {
        let row = unique_row(Entity::find_by_id(ONLY_ROW).all(self.runner()).await?);
        Ok(Epoch::from_column(row.as_ref().map(|row| row.epoch.as_str()))?)
    }

    /// The account that a query finds, with the epoch, in one statement.
    pub(super) async fn found(&self, select: sea_orm::Select<user::Entity>) -> Result<Option<FoundAccount>, Error> {
        let select = select.expr_as(current_epoch(), "epoch").into_model::<AccountRow>();
        let Some(AccountRow { user, epoch }) = unique_row(select.all(self.runner()).await?) else { return Ok(None) };
        Ok(Some(FoundAccount { user, epoch: Epoch::from_column(epoch.as_deref())? }))
    }
}

/// The epoch of the database, as a value of a statement.
pub(super) fn current_epoch() -> SimpleExpr {
    SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(select(Expr::col(Column::Epoch)))))
}

/// Whether the database still is in this epoch, as a condition of a statement.
pub(super) fn is_in(epoch: Epoch) -> SimpleExpr {
    let mut same = select(Expr::val(1));
    Expr::exists(same.and_where(Column::Epoch.eq(epoch.as_str())).take())
}

/// The only row, if it has this epoch.
pub(super) fn in_epoch(epoch: Epoch) -> sea_orm::Select<Entity> {
    Entity::find_by_id(ONLY_ROW).filter(Column::Epoch.eq(epoch.as_str()))
}

/// Whether the database still is in this epoch. Right until the end of a transaction that has locked a row.
pub(super) async fn is_current(connection: &impl ConnectionTrait, epoch: Epoch) -> Result<bool, DbErr> {
    Ok(in_epoch(epoch).count(connection).await? > 0)
}

fn select(what: impl Into<SimpleExpr>) -> SelectStatement {
    Query::select().expr(what).from(Entity).and_where(Column::Id.eq(ONLY_ROW)).take()
}
