//! Typed queries on the database of authsvc, in a program of your own: one account with its sessions, and accounts by
//! provider.
//!
//! It needs the crates `entity` and `sea-orm`, not the service, and a role that can read:
//! `cargo run --example typed_queries -- sqlite:authsvc.db ada@example.com`

#![expect(clippy::print_stdout, reason = "the program is for a terminal")]
#![expect(clippy::disallowed_methods, reason = "a program of one's own reads the time where it likes")]

use std::error::Error;

use chrono::Utc;
use entity::value::{Email, Provider};
use entity::{oauth_provider, refresh_token, user};
use sea_orm::{ColumnTrait, Database, DatabaseConnection, DbErr, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: typed_queries DATABASE_URL ADDRESS".into());
    };
    let database = Database::connect(url).await?;
    show_account(&database, &Email::parse_stored(&address)?).await?;
    for (provider, accounts) in accounts_by_provider(&database).await? {
        println!("{provider:?}: {accounts} accounts");
    }
    Ok(database.close().await?)
}

/// Prints an account, its links to providers, and the number of its refresh tokens that can be used.
async fn show_account(database: &DatabaseConnection, email: &Email) -> Result<(), DbErr> {
    // a finder of the crate: it excludes soft-deleted accounts, ignores case and uses the index of the engine
    let found = user::Entity::by_email(email, database.get_database_backend());
    // a relation of the entities, in the same query
    let found = found.find_with_related(oauth_provider::Entity).all(database).await?;
    let Some((account, links)) = found.into_iter().next() else {
        println!("no account has this address");
        return Ok(());
    };
    // a finder that is filtered further
    let live = refresh_token::Entity::live(Utc::now()).filter(refresh_token::Column::UserId.eq(account.id));
    let (live, providers) = (live.count(database).await?, links.iter().map(|link| link.provider).collect::<Vec<_>>());
    println!("{} <{}>, verified: {}", account.username, account.email.as_str(), account.email_verified);
    println!("sessions: {live}, links: {providers:?}");
    Ok(())
}

/// The number of accounts by the provider that they came from, as typed rows.
async fn accounts_by_provider(database: &DatabaseConnection) -> Result<Vec<(Provider, i64)>, DbErr> {
    let query = user::Entity::existing().select_only().column(user::Column::Provider);
    let query = query.column_as(user::Column::Id.count(), "accounts").group_by(user::Column::Provider);
    query.order_by_asc(user::Column::Provider).into_tuple().all(database).await
}
