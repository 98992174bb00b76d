//! Reads from `sqlite_schema` what a restore would lose in a SQLite file. Indexes and triggers that no migration
//! creates on the program's tables are recreated. Tables and views of other programs are not changed.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::files::open;
use crate::db::staging::{LiveSchema, SchemaOrigin};
use crate::db::{DbErrorKind, Error};

/// Tables, with their indexes and triggers: type and name, and the statement that creates the object.
pub(in crate::db::staging) type SqliteObjects = BTreeMap<(String, String), String>;

/// Lists what a restore would lose, each with a remedy.
pub(in crate::db::staging) fn losses(path: &Path, live: &LiveSchema) -> Result<Vec<String>, Error> {
    if live.made_by.is_empty() || !path.exists() {
        return Ok(Vec::new());
    }
    let found = objects(&open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, "main", &live.objects.tables)?;
    let made = made_by(live)?;
    let mut losses = Vec::new();
    for ((kind, name), sql) in &found {
        let is_changed = made.get(&(kind.clone(), name.clone())).is_some_and(|made| words(made) != words(sql));
        if is_changed && live.origin == SchemaOrigin::Migrated {
            losses.push(format!(
                "the {kind} `{name}` differs from the migrations, and a restore would reset it: change it to the migrations' definition, restore, and change it again"
            ));
        }
    }
    Ok(losses)
}

/// Returns the indexes and triggers that no migration creates on the program's tables: description and statement.
pub(in crate::db::staging) fn extras(
    connection: &Connection,
    schema: &str,
    live: &LiveSchema,
) -> Result<Vec<(String, String)>, Error> {
    if live.made_by.is_empty() {
        return Ok(Vec::new());
    }
    let mut made = made_by(live)?;
    let newest = Connection::open_in_memory()?;
    newest.execute_batch(&format!("{};{}", live.made_by, live.newer))?;
    made.extend(objects(&newest, "main", &live.objects.tables)?);
    let found = objects(connection, schema, &live.objects.tables)?;
    let extra = found.into_iter().filter(|(key, _)| key.0 != "table" && !made.contains_key(key));
    Ok(extra.map(|((kind, name), sql)| (format!("{kind} `{name}`"), sql)).collect())
}

/// Creates the objects that are missing on the staged tables.
pub(in crate::db::staging) fn carry(
    staged: &Connection,
    extras: &[(String, String)],
    live: &LiveSchema,
) -> Result<(), Error> {
    let there = objects(staged, "main", &live.objects.tables)?;
    for (what, sql) in extras.iter().filter(|(_, sql)| !there.values().any(|other| other == sql)) {
        staged
            .execute_batch(sql)
            .map_err(|error| Error::new(DbErrorKind::Refused, format!("carrying over the {what}: {error}")))?;
    }
    Ok(())
}

/// Returns the objects that the migrations of the live version create.
fn made_by(live: &LiveSchema) -> Result<SqliteObjects, Error> {
    let memory = Connection::open_in_memory()?;
    memory.execute_batch(&live.made_by)?;
    objects(&memory, "main", &live.objects.tables)
}

fn objects(connection: &Connection, schema: &str, tables: &[String]) -> Result<SqliteObjects, Error> {
    let sql = format!(
        "SELECT type, name, tbl_name, sql FROM {schema}.sqlite_schema WHERE sql IS NOT NULL AND type IN ('table', 'index', 'trigger')"
    );
    let mut found = connection.prepare(&sql)?;
    let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?)))?;
    let rows: Vec<(String, String, String, String)> = rows.collect::<Result<_, _>>()?;
    let is_ours = |table: &str| tables.iter().any(|known| known.eq_ignore_ascii_case(table));
    Ok(rows.into_iter().filter(|row| is_ours(&row.2)).map(|(kind, name, _, sql)| ((kind, name), sql)).collect())
}

fn words(sql: &str) -> Vec<&str> {
    sql.split_whitespace().collect()
}
