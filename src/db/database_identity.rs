//! Table `database_identity`: the id of the database and its epoch.
//!
//! A restore gives the database a new epoch. Invariant: a request that names an account by an id accesses it only in
//! the epoch in which that id was learned. A condition of the statement itself ensures this. A swap locks every table,
//! so the epoch does not change within a transaction that has written once.

use entity::database_identity::{Column, Entity, ONLY_ROW};
use entity::user;
use sea_orm::sea_query::{Expr, Query, SelectStatement, SimpleExpr, SubQueryStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect,
};

use super::query_runner::unique_row;
use super::{Error, Pool};

/// Length of a UUID as text, in characters.
const LENGTH: usize = 36;

/// Epoch of the database: a random UUID that a restore replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; LENGTH]);

impl Epoch {
    /// Parses 36 ASCII characters; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().filter(|_| text.is_ascii()).map(Self)
    }

    /// Returns the UUID as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(super) fn from_column(text: Option<&str>) -> Result<Self, DbErr> {
        let missing = || DbErr::RecordNotFound("`database_identity` has no row with an epoch".to_owned());
        text.and_then(Self::parse).ok_or_else(missing)
    }
}

/// Account that a request acts for, and the epoch in which the account's id was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// Id of the account.
    pub user_id: i64,
    /// Epoch in which the id is valid.
    pub epoch: Epoch,
}

/// Account as it was looked up, and the epoch of the database at that moment.
#[derive(Debug, Clone)]
pub struct FoundAccount {
    /// Row of the account.
    pub user: user::Model,
    /// Epoch of the database when the row was read.
    pub epoch: Epoch,
}

#[derive(FromQueryResult)]
struct AccountRow {
    #[sea_orm(nested)]
    user: user::Model,
    epoch: Option<String>,
}

impl Pool {
    /// Returns the epoch of the database.
    ///
    /// # Errors
    /// Returns an error if the database does not answer, or if the row is missing.
    pub async fn epoch(&self) -> Result<Epoch, Error> {
        let row = unique_row(Entity::find_by_id(ONLY_ROW).all(self.runner()).await?);
        Ok(Epoch::from_column(row.as_ref().map(|row| row.epoch.as_str()))?)
    }

    /// Finds one account and reads the epoch, in one statement.
    pub(super) async fn found(&self, select: sea_orm::Select<user::Entity>) -> Result<Option<FoundAccount>, Error> {
        let select = select.expr_as(current_epoch(), "epoch").into_model::<AccountRow>();
        let Some(AccountRow { user, epoch }) = unique_row(select.all(self.runner()).await?) else { return Ok(None) };
        Ok(Some(FoundAccount { user, epoch: Epoch::from_column(epoch.as_deref())? }))
    }
}

/// Builds a subquery for the epoch of the database.
pub(super) fn current_epoch() -> SimpleExpr {
    SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(select(Expr::col(Column::Epoch)))))
}

/// Builds a condition that is true if the database is in this epoch.
pub(super) fn is_in(epoch: Epoch) -> SimpleExpr {
    let mut same = select(Expr::val(1));
    Expr::exists(same.and_where(Column::Epoch.eq(epoch.as_str())).take())
}

/// Selects the only row of `database_identity` if it has this epoch.
pub(super) fn in_epoch(epoch: Epoch) -> sea_orm::Select<Entity> {
    Entity::find_by_id(ONLY_ROW).filter(Column::Epoch.eq(epoch.as_str()))
}

/// Returns true if the database is in this epoch. The answer holds until the end of a transaction that has locked a
/// row.
pub(super) async fn is_current(connection: &impl ConnectionTrait, epoch: Epoch) -> Result<bool, DbErr> {
    Ok(in_epoch(epoch).count(connection).await? > 0)
}

fn select(what: impl Into<SimpleExpr>) -> SelectStatement {
    Query::select().expr(what).from(Entity).and_where(Column::Id.eq(ONLY_ROW)).take()
}
