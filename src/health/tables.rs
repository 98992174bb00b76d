//! Size, rows and last change of every table.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::report::TableSize;
use super::section::Section;
use super::size::size_text;
use super::tagged_rows::TaggedRows;

/// Size of a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SizedTable {
    name: String,
    /// Size including indexes, in bytes. `None` if measuring it would read the whole file.
    size_bytes: Option<u64>,
    /// Estimated number of rows. Negative if the table was never analysed.
    estimated_rows: i64,
}

/// Rows of a small table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountedTable {
    name: String,
    rows: i64,
    last_update: Option<DateTime<Utc>>,
}

/// Last change of a larger table, as far as an index shows it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewestChange {
    name: String,
    last_update: Option<DateTime<Utc>>,
}

/// Reads the tables from the rows of `tables.sql`, in the order of the schema.
pub(super) fn read(rows: &TaggedRows) -> Section<Vec<TableSize>> {
    let newest: Vec<NewestChange> = rows.all("newest").collect();
    let newest = |name: &str| newest.iter().find(|table| table.name == name);
    let found = |name: &&str| {
        let table = rows.all("table").find(|table: &SizedTable| table.name == *name)?;
        let counted = rows.all("counted").find(|table: &CountedTable| table.name == *name);
        let (rows, last_update) = match &counted {
            Some(counted) => (counted.rows, counted.last_update),
            None => (table.estimated_rows, newest(name).and_then(|newest| newest.last_update)),
        };
        Some(TableSize {
            name: table.name,
            row_count: Some(rows).filter(|rows| *rows >= 0),
            row_count_estimated: counted.is_none(),
            size: table.size_bytes.map(size_text),
            size_bytes: table.size_bytes,
            last_update,
        })
    };
    let tables: Vec<TableSize> = entity::TABLES.iter().filter_map(found).collect();
    let warnings = warnings(&tables, |table| !table.row_count_estimated || newest(&table.name).is_some());
    Section { figures: tables, warnings }
}

/// Warnings about figures that are missing or estimated. `is_read` returns true if the rows of the table were read.
fn warnings(tables: &[TableSize], is_read: impl Fn(&TableSize) -> bool) -> Vec<String> {
    let names = |wanted: &dyn Fn(&TableSize) -> bool| {
        let names: Vec<&str> = tables.iter().filter(|table| wanted(table)).map(|table| table.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let unread = names(&|table| !is_read(table));
    let estimated = names(&|table| is_read(table) && table.row_count_estimated && table.row_count.is_some());
    let unknown = names(&|table| is_read(table) && table.row_count.is_none());
    let unmeasured = names(&|table| table.size_bytes.is_none());
    [
        unread.map(|names| format!("rows and last_update of {names}: not read, so an estimate or missing; if a privilege is missing, GRANT SELECT")),
        estimated.map(|names| format!("rows of {names}: an estimate, because counting them would read the whole table")),
        unknown.map(|names| format!("rows of {names}: unknown until the tables are analysed; run ANALYZE")),
        unmeasured.map(|names| format!("size of {names}: measuring it would read the whole file")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
