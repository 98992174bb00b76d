//! Plans a migration or rollback from the ledger's state, as pure functions.

use super::embedded::{self, Migration};
use super::error::Error;
use super::ledger::{AppliedMigration, LedgerState};
use crate::db::Backend;

/// Target of a migration or rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationTarget {
    /// Up: all pending migrations. Down: one step.
    Default,
    /// This many steps, for rollback only. More steps than applied migrations are refused.
    Steps(usize),
    /// This number becomes the newest applied migration. 0 means that none is applied.
    Number(u32),
}

/// Handling of a database without a usable ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Refuse a database without a usable ledger.
    No,
    /// Adopt a database of the legacy manager.
    Adopt,
    /// Compare, then record every migration up to this number as applied.
    Baseline(u32),
}

/// Migrations to record as applied without running them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded {
    pub(crate) up_to: &'static Migration,
    pub(crate) origin: super::ledger::RecordKind,
}

/// Plan of a migration upwards.
#[derive(Debug, Default)]
pub(crate) struct MigrationPlan {
    /// True if the database is empty, so that everything can run in one transaction.
    pub(crate) fresh: bool,
    /// Migrations to record first, without running them.
    pub(crate) record: Option<Recorded>,
    /// Migrations to run afterwards, in this order.
    pub(crate) steps: Vec<&'static Migration>,
    /// Newest applied migration before the run.
    pub(crate) from: Option<String>,
    /// Newer, compatible migrations that this program does not know.
    pub(crate) unknown: Vec<String>,
}

impl MigrationPlan {
    pub(crate) fn is_empty(&self) -> bool {
        self.record.is_none() && self.steps.is_empty()
    }
}

/// Plans a migration upwards.
///
/// # Errors
/// Returns an error for every reason not to change this database.
pub(crate) fn up(
    state: &LedgerState,
    target: MigrationTarget,
    adoption: Adoption,
    backend: Backend,
) -> Result<MigrationPlan, Error> {
    let known = embedded::migrations();
    let applied: &[AppliedMigration] = match (state, adoption) {
        (LedgerState::Ledger(applied), _) => applied,
        (LedgerState::Empty, Adoption::No) => &[],
        (LedgerState::Empty, _) => return Err(Error::NothingToAdopt { found: "the database is empty" }),
        (LedgerState::Legacy(_), Adoption::Adopt) => return plan_adoption(find_number(4)?, target, adoption),
        (LedgerState::Legacy(_) | LedgerState::Unknown(_), Adoption::Baseline(number)) => {
            return plan_adoption(find_number(number)?, target, adoption);
        }
        (LedgerState::Legacy(_), Adoption::No) => return Err(Error::Legacy),
        (LedgerState::Unknown(_), Adoption::Adopt) => {
            return Err(Error::NothingToAdopt { found: "the database has tables, but no table migration_records" });
        }
        (LedgerState::Unknown(tables), Adoption::No) => return Err(Error::UnknownTables { tables: tables.clone() }),
    };
    let unknown = check(applied, known, backend)?;
    let pending: Vec<&'static Migration> = known.iter().filter(|migration| !has(applied, migration)).collect();
    let newest = applied.last().map(|applied| applied.version.clone());
    if let (Some(first), Some(newest)) = (pending.first(), &newest)
        && first.name < newest.as_str()
    {
        return Err(Error::OutOfOrder { pending: first.name.to_owned(), applied: newest.clone() });
    }
    let steps = up_to(pending, target, newest.as_deref())?;
    Ok(MigrationPlan { fresh: applied.is_empty(), record: None, steps, from: newest, unknown })
}

/// Plans a rollback: the migrations to undo, newest first.
///
/// # Errors
/// Returns an error if the ledger is not this program's, the target cannot be reached, or a migration is irreversible.
pub(crate) fn down(
    state: &LedgerState,
    target: MigrationTarget,
    backend: Backend,
) -> Result<Vec<&'static Migration>, Error> {
    let applied: &[AppliedMigration] = match state {
        LedgerState::Ledger(applied) => applied,
        LedgerState::Empty => &[],
        LedgerState::Legacy(_) => return Err(Error::Legacy),
        LedgerState::Unknown(tables) => return Err(Error::UnknownTables { tables: tables.clone() }),
    };
    let known = embedded::migrations();
    let unknown = check(applied, known, backend)?;
    if !unknown.is_empty() {
        return Err(Error::Newer { names: unknown });
    }
    let newest_first: Vec<&'static Migration> =
        known.iter().rev().filter(|migration| has(applied, migration)).collect();
    let steps: Vec<&'static Migration> = match target {
        MigrationTarget::Default => newest_first.into_iter().take(1).collect(),
        MigrationTarget::Steps(asked) if asked > newest_first.len() => {
            return Err(Error::TooManySteps { asked, applied: newest_first.len() });
        }
        MigrationTarget::Steps(count) => newest_first.into_iter().take(count).collect(),
        MigrationTarget::Number(number) => {
            let newest = newest_first.first().map_or(0, |migration| migration.number);
            if number > newest {
                return Err(wrong_direction(number, "above", applied.last().map(|applied| applied.version.as_str())));
            }
            if number != 0 {
                find_number(number)?;
            }
            newest_first.into_iter().take_while(|migration| migration.number > number).collect()
        }
    };
    match steps.iter().find(|migration| migration.pair(backend).down.is_none()) {
        Some(migration) => Err(Error::Irreversible { name: migration.name }),
        None => Ok(steps),
    }
}

/// Compares the ledger with the embedded migrations. Returns the migrations that this program does not know, if all of
/// them are marked compatible. Otherwise the database is refused.
pub(crate) fn check(applied: &[AppliedMigration], known: &[Migration], backend: Backend) -> Result<Vec<String>, Error> {
    let find = |applied: &AppliedMigration| known.iter().find(|migration| migration.name == applied.version);
    let unknown: Vec<&AppliedMigration> = applied.iter().filter(|applied| find(applied).is_none()).collect();
    let names = |list: &[&AppliedMigration]| list.iter().map(|applied| applied.version.clone()).collect::<Vec<_>>();
    if unknown.iter().any(|applied| !applied.compatible) {
        return Err(Error::Newer { names: names(&unknown) });
    }
    let is_changed =
        |applied: &&AppliedMigration| find(applied).is_some_and(|known| known.checksum(backend) != applied.checksum);
    let changed: Vec<&AppliedMigration> = applied.iter().filter(is_changed).collect();
    if changed.is_empty() { Ok(names(&unknown)) } else { Err(Error::Changed { names: names(&changed) }) }
}

fn has(applied: &[AppliedMigration], migration: &Migration) -> bool {
    applied.iter().any(|applied| applied.version == migration.name)
}

fn plan_adoption(
    last: &'static Migration,
    target: MigrationTarget,
    adoption: Adoption,
) -> Result<MigrationPlan, Error> {
    let origin = match adoption {
        Adoption::Baseline(_) => super::ledger::RecordKind::Baseline,
        Adoption::Adopt | Adoption::No => super::ledger::RecordKind::Adopted,
    };
    let pending = embedded::migrations().iter().filter(|migration| migration.number > last.number).collect();
    let steps = up_to(pending, target, Some(last.name))?;
    Ok(MigrationPlan { record: Some(Recorded { up_to: last, origin }), steps, ..MigrationPlan::default() })
}

fn up_to(
    pending: Vec<&'static Migration>,
    target: MigrationTarget,
    newest: Option<&str>,
) -> Result<Vec<&'static Migration>, Error> {
    let MigrationTarget::Number(number) = target else { return Ok(pending) };
    let last = find_number(number)?;
    if newest.is_some_and(|newest| last.name < newest) {
        return Err(wrong_direction(number, "below", newest));
    }
    Ok(pending.into_iter().filter(|migration| migration.number <= number).collect())
}

fn wrong_direction(number: u32, relation: &'static str, newest: Option<&str>) -> Error {
    let applied = newest.unwrap_or("none").to_owned();
    Error::WrongDirection { asked: format!("{number:03}"), relation, applied }
}

/// Finds the migration with this number.
pub(crate) fn find_number(number: u32) -> Result<&'static Migration, Error> {
    let known = embedded::migrations();
    known.iter().find(|migration| migration.number == number).ok_or_else(|| {
        let numbers: Vec<String> = known.iter().map(|migration| format!("{:03}", migration.number)).collect();
        Error::NoSuchMigration { number, known: numbers.join(", ") }
    })
}

/// Refuses a database that a newer, incompatible program migrated. Commands that change rows call it.
///
/// # Errors
/// Returns [`Error::Newer`] with the names of the unknown migrations.
pub fn refuse_newer(state: &LedgerState, backend: Backend) -> Result<(), Error> {
    match up(state, MigrationTarget::Default, Adoption::No, backend) {
        Err(newer @ Error::Newer { .. }) => Err(newer),
        _ => Ok(()),
    }
}
