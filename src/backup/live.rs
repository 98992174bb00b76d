//! The database that a restore replaces: what it is, and whether it may be replaced.

use super::error::Error;
use crate::db::{Backend, Connection, DatabaseUrl, Kind, Objects};
use crate::migrate::{self, Applied, State};

/// A database that may be replaced.
pub(super) enum Live {
    /// It has no tables of ours: there is nothing to lose.
    Nothing,
    /// It has this history; what hangs on its tables and can be made anew, such as indexes, is named.
    Ours(Vec<Applied>, Vec<String>),
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
                let extra = migrate::extra_objects(connection, &applied).await?;
                let (columns, others): (Vec<_>, Vec<_>) =
                    extra.into_iter().partition(|object| object.starts_with("column "));
                if columns.is_empty() {
                    return Ok(Self::Ours(applied, others));
                }
                let obstacles = columns.iter().map(|column| format!("no migration makes the {column}")).collect();
                Err(Error::Obstacles { obstacles })
            }
        }
    }

    /// What is worth knowing about replacing it.
    pub(super) fn warnings(&self) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Ours(_, others) => others
                .iter()
                .map(|object| format!("no migration makes it, and it is not there any more: {object}"))
                .collect(),
            Self::Unreadable(why) => vec![format!("the database could not be read: {why}")],
        }
    }

    /// Everything of ours that may be there: what its own history made, and what the newest schema has.
    pub(super) fn objects(&self, backend: Backend) -> Objects {
        let mut objects = migrate::newest_layout(backend).objects;
        if let Self::Ours(applied, _) = self {
            let older = migrate::layout_of_newest(applied, backend).objects;
            objects.tables.extend(older.tables);
            objects.functions.extend(older.functions);
        }
        objects
    }
}
