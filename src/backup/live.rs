//! The database that a restore replaces: what it is, and whether it may be replaced.

use super::error::Error;
use crate::db::{Backend, Connection, DatabaseUrl, Kind, Objects};
use crate::migrate::{self, Applied, State};

/// A database that may be replaced.
pub(super) enum Live {
    /// It has no tables of ours: there is nothing to lose.
    Nothing,
    /// It has this history.
    Ours(Vec<Applied>),
    /// The SQLite file is damaged, or no database at all: why.
    Unreadable(String),
}

impl Live {
    /// Looks at it.
    ///
    /// # Errors
    /// It must not be replaced: it is newer, of the earlier manager, or has columns or tables that would be lost. Or it does
    /// not answer.
    pub(super) async fn read(url: &DatabaseUrl) -> Result<Self, Error> {
        let mut connection = match Connection::open(url).await {
            Ok(connection) => connection,
            Err(error) if error.kind() == Kind::NoSuchFile && url.may_be_created() => return Ok(Self::Nothing),
            Err(error) if error.kind() == Kind::Corrupt => return Ok(Self::Unreadable(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let live = Self::look(&mut connection).await;
        connection.leave().await;
        match live {
            Err(Error::Database(error)) if error.kind() == Kind::Corrupt => Ok(Self::Unreadable(error.to_string())),
            live => live,
        }
    }

    async fn look(connection: &mut Connection) -> Result<Self, Error> {
        match migrate::state(connection).await? {
            State::Empty => Ok(Self::Nothing),
            State::Earlier(_) => Err(Error::EarlierInPlace),
            State::Unknown(tables) => {
                let ours: Vec<String> = tables.into_iter().filter(|table| migrate::makes_table(table)).collect();
                if ours.is_empty() {
                    Ok(Self::Nothing)
                } else {
                    Err(migrate::Error::UnknownTables { tables: ours }.into())
                }
            }
            State::Ledger(applied) => {
                let names = migrate::unknown(&applied);
                if !names.is_empty() {
                    return Err(migrate::Error::Newer { names }.into());
                }
                let columns = migrate::extra_columns(connection, &applied).await?;
                if columns.is_empty() {
                    return Ok(Self::Ours(applied));
                }
                let obstacles = columns.iter().map(|name| format!("no migration makes the column `{name}`")).collect();
                Err(Error::Obstacles { obstacles })
            }
        }
    }

    /// Everything of ours that may be there: what its own history made, and what the newest schema has.
    pub(super) fn objects(&self, backend: Backend) -> Objects {
        let mut objects = migrate::newest_layout(backend).objects;
        if let Self::Ours(applied) = self {
            let older = migrate::layout_of_newest(applied, backend).objects;
            objects.tables.extend(older.tables);
            objects.functions.extend(older.functions);
        }
        objects
    }
}
