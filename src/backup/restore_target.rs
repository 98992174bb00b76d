//! The database that a restore replaces: its state, and whether it may be replaced.

use super::error::Error;
use crate::db::{self, Backend, Connection, DatabaseUrl, DbErrorKind, LiveSchema, SchemaOrigin};
use crate::migrate::{self, AppliedMigration, LedgerState, RecordKind};

/// State of a database that may be replaced.
pub(super) enum RestoreTarget {
    /// No table of this program exists, so nothing can be lost.
    Empty,
    /// The applied migrations, and objects on their tables that no migration makes, such as `index users.mine`.
    Managed(Vec<AppliedMigration>, Vec<String>),
    /// The SQLite file is damaged or not a database, with the reason.
    Unreadable(String),
}

impl RestoreTarget {
    /// Reads the state of the database.
    ///
    /// # Errors
    /// Returns an error if the database is newer, belongs to the legacy manager, has tables that would be lost, or does
    /// not answer.
    pub(super) async fn read(url: &DatabaseUrl) -> Result<Self, Error> {
        let mut connection = match Connection::open(url).await {
            Ok(connection) => connection,
            Err(error) if error.kind() == DbErrorKind::NoSuchFile && url.may_be_created() => return Ok(Self::Empty),
            Err(error) if error.kind() == DbErrorKind::Corrupt => return Ok(Self::Unreadable(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let live = Self::classify(&mut connection).await;
        connection.hang_up().await;
        match live {
            Err(Error::Database(error)) if error.kind() == DbErrorKind::Corrupt => {
                Ok(Self::Unreadable(error.to_string()))
            }
            live => live,
        }
    }

    async fn classify(connection: &mut Connection) -> Result<Self, Error> {
        match migrate::state(connection).await? {
            LedgerState::Empty => Ok(Self::Empty),
            LedgerState::Legacy(_) => Err(Error::LegacyInPlace),
            LedgerState::Unknown(tables) => {
                let ours: Vec<String> = tables.into_iter().filter(|table| migrate::makes_table(table)).collect();
                if ours.is_empty() {
                    Ok(Self::Empty)
                } else {
                    Err(migrate::Error::UnknownTables { tables: ours }.into())
                }
            }
            LedgerState::Ledger(applied) => {
                let names = migrate::unknown_migrations(&applied);
                if !names.is_empty() {
                    return Err(migrate::Error::Newer { names }.into());
                }
                let extra = migrate::extra_objects(connection, &applied).await?;
                Ok(Self::Managed(applied, extra))
            }
        }
    }

    /// Warnings about replacing the database.
    pub(super) fn warnings(&self) -> Vec<String> {
        match self {
            Self::Empty => Vec::new(),
            Self::Managed(_, others) => {
                others.iter().map(|object| format!("no migration makes it; it was kept: {object}")).collect()
            }
            Self::Unreadable(why) => vec![format!("the database could not be read: {why}")],
        }
    }

    /// Schema of the live database: the one its own history made, and the one the newest migrations make.
    pub(super) fn schema(&self, backend: Backend) -> LiveSchema {
        let newest = migrate::newest_version(backend);
        let mut objects = newest.objects;
        let Self::Managed(applied, _) = self else {
            let newer = migrate::sql_between(0, newest.number, backend);
            return LiveSchema { objects, made_by: String::new(), newer, origin: SchemaOrigin::Migrated };
        };
        let own = migrate::version_of_newest(applied, backend);
        objects.tables.extend(own.objects.tables);
        objects.functions.extend(own.objects.functions);
        objects.sequences.extend(own.objects.sequences);
        for names in [&mut objects.tables, &mut objects.functions, &mut objects.sequences] {
            names.sort();
            names.dedup();
        }
        let is_taken_over =
            applied.iter().any(|applied| applied.origin.is_some_and(|origin| origin != RecordKind::Applied));
        LiveSchema {
            objects,
            made_by: migrate::sql_between(0, own.number, backend),
            newer: migrate::sql_between(own.number, newest.number, backend),
            origin: if is_taken_over { SchemaOrigin::TakenOver } else { SchemaOrigin::Migrated },
        }
    }

    /// Refuses a restore that would lose something or could not finish. All obstacles are reported at once, before
    /// anything is written. `greatest_ids` holds the greatest id of each table in the file.
    ///
    /// # Errors
    /// Returns the obstacles as [`Error::Obstacles`], or an error if the database does not answer.
    pub(super) async fn refuse_losses(&self, url: &DatabaseUrl, greatest_ids: &[(String, i64)]) -> Result<(), Error> {
        if matches!(self, Self::Unreadable(_)) {
            return Ok(());
        }
        let mut obstacles = db::losses(url, &self.schema(url.backend()), greatest_ids).await?;
        if let (Self::Managed(_, extra), Backend::Sqlite) = (self, url.backend()) {
            let columns = extra.iter().filter(|object| object.starts_with("column "));
            obstacles.extend(
                columns.map(|column| format!("no migration makes the {column}: save what it holds, and drop it")),
            );
        }
        if obstacles.is_empty() { Ok(()) } else { Err(Error::Obstacles { obstacles }) }
    }
}
