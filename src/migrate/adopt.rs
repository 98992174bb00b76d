//! Adoption of a database whose history this program did not write.

use entity::value::Email;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use std::time::Duration;

use super::catalogue::{self, Catalogue};
use super::embedded::{self, Migration};
use super::error::Error;
use super::one_migration;
use super::plan::Recorded;
use super::settings::MigrationSettings;
use crate::db::{Backend, Connection, PartialRows};
use crate::password_hashes;

/// Returns an error if the live schema differs from what the migrations up to the recorded one make.
pub(crate) async fn compare(reader: &mut Connection, recorded: Recorded) -> Result<(), Error> {
    let expected = Catalogue::after(recorded.up_to, reader.backend());
    let differences = catalogue::read(reader).await?.shape_differs_from(&expected);
    if differences.is_empty() { Ok(()) } else { Err(Error::NotEqual { name: recorded.up_to.name, differences }) }
}

/// Refuses objects that a migration could not change, or that would end up with several owners. The check runs before
/// any row is copied.
pub(crate) async fn check_owners(reader: &mut Connection, up_to: &'static Migration) -> Result<(), Error> {
    let backend = reader.backend();
    let catalogue = Catalogue::after(up_to, backend);
    let relations = [catalogue.names_of("table"), catalogue.names_of("sequence")].concat();
    let functions = catalogue.names_of("function");
    let functions: Vec<&str> = functions.iter().filter_map(|name| name.split('(').next()).collect();
    let Some(sql) = backend.read_other_owners(&relations, &functions) else { return Ok(()) };
    let PartialRows { rows, failure } = reader.query_partial(sql).await;
    if let Some(error) = failure {
        return Err(error.into());
    }
    let column = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let Some(role) = rows.first().map(|row| column(row, 2)) else { return Ok(()) };
    let objects = rows.iter().map(|row| format!("{} of `{}`", column(row, 0), column(row, 1))).collect();
    Err(Error::OtherOwners { role, objects })
}

/// Records the migrations in the ledger without running them, in the caller's transaction.
pub(crate) async fn record(
    transaction: &DatabaseTransaction,
    recorded: Recorded,
    backend: Backend,
    settings: &MigrationSettings,
) -> Result<Vec<&'static str>, Error> {
    let mut names = Vec::new();
    for migration in embedded::migrations().iter().filter(|migration| migration.number <= recorded.up_to.number) {
        let sql =
            one_migration::insert(migration, recorded.origin, backend, settings, crate::clock::now(), Duration::ZERO);
        transaction.execute_unprepared(&sql).await?;
        names.push(migration.name);
    }
    Ok(names)
}

/// Emails of accounts from the legacy manager's seed migration, fifty at most. They are recognised by a shared password
/// hash, which salted hashes otherwise never have.
///
/// # Errors
/// Returns an error if the database does not answer.
pub async fn seed_accounts(reader: &mut Connection) -> Result<Vec<String>, Error> {
    let rows = reader
        .query(
            "SELECT email FROM users WHERE password_hash IN \
             (SELECT password_hash FROM users WHERE password_hash <> '' GROUP BY password_hash HAVING count(*) > 1) \
             ORDER BY id LIMIT 50;",
        )
        .await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Email addresses to which no mail can be sent and that a new account would not get, fifty at most. Their accounts
/// keep them.
///
/// # Errors
/// Returns an error if the database does not answer.
pub(crate) async fn odd_addresses(reader: &mut Connection) -> Result<Vec<String>, Error> {
    // the SQL selects candidates that the database's check accepts; `Email::parse` decides
    let rows = reader
        .query(
            "SELECT email FROM users WHERE email LIKE '.%' OR email LIKE '%..%' OR email LIKE '%.@%' OR email LIKE '%@.%' \
             OR email LIKE '%@-%' OR email LIKE '%-.%' OR email LIKE '%.-%' OR length(email) > 64 ORDER BY id LIMIT 1000;",
        )
        .await?;
    let addresses = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
    Ok(addresses.filter(|address| Email::parse(address).is_err()).take(50).collect())
}

/// Usernames that several accounts share if letter case is ignored, fifty at most. Their accounts keep them.
///
/// # Errors
/// Returns an error if the database does not answer.
pub(crate) async fn shared_names(reader: &mut Connection) -> Result<Vec<String>, Error> {
    let rows = reader
        .query(
            "SELECT username FROM users WHERE lower(username) IN \
             (SELECT lower(username) FROM users GROUP BY lower(username) HAVING count(*) > 1) \
             ORDER BY lower(username), id LIMIT 50;",
        )
        .await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Accounts of an adopted database whose stored password hash costs more than a login may cost, each with its cost.
/// Fifty at most. The query already excludes hashes of usual kinds and costs.
///
/// # Errors
/// Returns an error if the database does not answer.
pub(crate) async fn costly_hashes(reader: &mut Connection) -> Result<Vec<String>, Error> {
    let rows = reader
        .query(
            "SELECT id, password_hash FROM users \
             WHERE (password_hash LIKE '$2_$%' AND substr(password_hash, 5, 2) > '12') \
                OR (password_hash LIKE '$argon2%' AND password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%') \
             ORDER BY id LIMIT 100000;",
        )
        .await?;
    let costly = rows.into_iter().filter_map(|row| {
        let mut columns = row.into_iter().map(Option::unwrap_or_default);
        let (id, stored) = (columns.next()?, columns.next()?);
        password_hashes::excess(&stored).map(|bound| format!("id {id} ({bound})"))
    });
    Ok(costly.take(50).collect())
}
