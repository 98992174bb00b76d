//! Size, rows and last change of every table.

use super::report::TableSize;
use super::section::Section;
use super::size::size_text;
use super::tagged_rows::TaggedRows;

/// Reads the tables from the rows of `tables.sql`.
pub(super) fn read(rows: &TaggedRows) -> Section<Vec<TableSize>> {
    let mut warnings = Vec::new();
    let of = |word, name: &str| rows.all(word).find(|row| row.text(0) == Some(name));
    let found = |name: &&str| {
        let (table, counted) = (of("table", name)?, of("counted", name));
        let (rows, last_update): (Option<i64>, _) = match counted {
            Some(counted) => (counted.number(1), counted.time(2)),
            None => (table.number(2), of("newest", name).and_then(|newest| newest.time(1))),
        };
        let size = table.number(1);
        Some(TableSize {
            name: (*name).to_owned(),
            row_count: rows.filter(|rows| *rows >= 0),
            row_count_estimated: counted.is_none(),
            size: size.map(size_text),
            size_bytes: size,
            last_update,
        })
    };
    let tables: Vec<TableSize> = entity::TABLES.iter().filter_map(found).collect();
    let names = |wanted: &dyn Fn(&TableSize) -> bool| {
        tables.iter().filter(|table| wanted(table)).map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let is_read = |table: &TableSize| !table.row_count_estimated || of("newest", &table.name).is_some();
    let unread = names(&|table| !is_read(table));
    if !unread.is_empty() {
        warnings.push(format!(
            "rows and last_update of {unread}: not read, so an estimate or missing; if a privilege is missing, GRANT SELECT"
        ));
    }
    let estimated = names(&|table| is_read(table) && table.row_count_estimated && table.row_count.is_some());
    if !estimated.is_empty() {
        warnings.push(format!("rows of {estimated}: an estimate, because counting them would read the whole table"));
    }
    let unknown = names(&|table| is_read(table) && table.row_count.is_none());
    if !unknown.is_empty() {
        warnings.push(format!("rows of {unknown}: unknown until the tables are analysed; run ANALYZE"));
    }
    let unmeasured = names(&|table| table.size_bytes.is_none());
    if !unmeasured.is_empty() {
        warnings.push(format!("size of {unmeasured}: measuring it would read the whole file"));
    }
    Section { figures: tables, warnings }
}
