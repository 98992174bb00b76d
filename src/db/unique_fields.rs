//! Unique fields of an account: its address and its name.
//!
//! Addresses and names are unique without regard to the case of ASCII letters. The database's indexes decide between
//! two simultaneous registrations. Older accounts may share a name, which no new account can get.

use entity::user::Entity;
use sea_orm::{ConnectionTrait, DbErr, PaginatorTrait as _, RuntimeErr};

/// SQLite's extended codes of a violated primary key: SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_ROWID.
const PRIMARY_KEY_CODES: [&str; 2] = ["1555", "2579"];

/// Unique fields that another account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenFields {
    /// True if another account has the address.
    pub email: bool,
    /// True if another account has the name.
    pub username: bool,
}

/// Returns true if no account has this name in any case. If two accounts take it at once, the index refuses one.
pub(super) async fn is_name_free(connection: &impl ConnectionTrait, username: &str) -> Result<bool, DbErr> {
    let holders = Entity::by_username(username, connection.get_database_backend());
    Ok(holders.count(connection).await? == 0)
}

/// Returns true if a statement failed because another account or link has the unique value. A primary key does not
/// count: it refuses an id that the database issued twice.
pub(super) fn is_duplicate(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    let sqlx::Error::Database(error) = error.as_ref() else { return false };
    if !error.is_unique_violation() {
        return false;
    }
    match error.constraint() {
        Some(constraint) => !constraint.ends_with("_pkey") && !constraint.starts_with("refresh_tokens_"),
        // SQLite names columns, and has separate codes for primary keys
        None => {
            let is_key = error.code().is_some_and(|code| PRIMARY_KEY_CODES.contains(&code.as_ref()));
            !is_key && !error.message().contains("refresh_tokens.")
        }
    }
}
