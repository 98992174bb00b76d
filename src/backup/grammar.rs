//! Grammar of the lines that open a block of rows or set a sequence.

use super::format::Sequence;

/// Longest identifier in PostgreSQL, in bytes.
const LONGEST_NAME: usize = 63;
/// Longest list of columns in bytes. PostgreSQL allows 1600 columns in a table.
const LONGEST_NAMES: usize = 1700 * (LONGEST_NAME + 4);

/// Table and columns of a line that opens a block in a backup: `COPY t (a, b) FROM stdin;`.
pub(super) fn copy_block(line: &str) -> Option<(String, Vec<String>)> {
    table_and_columns(line.strip_prefix("COPY ")?.strip_suffix(" FROM stdin;")?, is_name)
}

/// Table and columns of a line that opens a block in a dump: `COPY public.t (a, "B") FROM stdin;`. Columns of other
/// programs may have any name.
pub(super) fn dump_block(line: &str) -> Option<(String, Vec<String>)> {
    let rest = line.strip_prefix("COPY ").filter(|rest| rest.len() <= LONGEST_NAMES)?;
    let (table, rest) = name_in_public(rest)?;
    let mut rest = rest.strip_prefix(" (")?;
    let mut columns = Vec::new();
    loop {
        let (column, after) = identifier(rest)?;
        columns.push(column);
        if after == ") FROM stdin;" {
            return Some((table, columns)).filter(|(table, _)| is_name(table));
        }
        rest = after.strip_prefix(", ")?;
    }
}

/// Splits off a table name after `public.` and returns it with the rest. Either name may be quoted.
fn name_in_public(text: &str) -> Option<(String, &str)> {
    let (schema, rest) = identifier(text)?;
    identifier(rest.strip_prefix('.')?).filter(|_| schema == "public")
}

/// Splits off an identifier and returns it with the rest. A quote inside a quoted name is doubled.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|sign: char| !(sign.is_alphanumeric() || sign == '_' || sign == '$'))?;
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let (piece, after) = rest.split_once('"')?;
        name.push_str(piece);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// Returns true if a line of a dump is an INSERT into the schema `public`.
pub(super) fn is_insert(line: &str) -> bool {
    line.strip_prefix("INSERT INTO ").is_some_and(|rest| name_in_public(rest).is_some())
}

/// Sequence of a dump's line such as `SELECT pg_catalog.setval('public.users_id_seq', 13, true);`.
pub(super) fn dump_setval(line: &str) -> Option<Sequence> {
    let rest = line.strip_prefix("SELECT pg_catalog.setval('")?;
    let (name, rest) = name_in_public(rest)?;
    sequence(name, rest)
}

/// Table and columns of a line that opens a block in a SQLite backup: `INSERT INTO t (a, b) VALUES`.
pub(super) fn insert_block(line: &str) -> Option<(String, Vec<String>)> {
    table_and_columns(line.strip_prefix("INSERT INTO ")?.strip_suffix(" VALUES")?, is_name)
}

fn table_and_columns(text: &str, is_column: fn(&str) -> bool) -> Option<(String, Vec<String>)> {
    let (table, columns) = text.strip_suffix(')')?.split_once(" (")?;
    if !is_name(table) || text.len() > LONGEST_NAMES || !columns.split(", ").all(is_column) {
        return None;
    }
    Some((table.to_owned(), columns.split(", ").map(str::to_owned).collect()))
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Sequence of a backup's line such as `SELECT setval('users_id_seq', 13, true);`.
pub(super) fn setval(line: &str) -> Option<Sequence> {
    let (name, rest) = identifier(line.strip_prefix("SELECT setval('")?)?;
    sequence(name, rest)
}

/// Parses the end of a setval call: `', 13, true);`.
fn sequence(name: String, rest: &str) -> Option<Sequence> {
    let (value, used) = rest.strip_prefix("', ")?.strip_suffix(");")?.split_once(", ")?;
    Some(Sequence { name, value: value.parse().ok()?, used: used.parse().ok()? }).filter(|found| is_name(&found.name))
}

/// Sequence of a line such as `INSERT INTO sqlite_sequence (name, seq) VALUES ('users', 13);`.
pub(super) fn sqlite_sequence(line: &str) -> Option<Sequence> {
    let values = line.strip_prefix("INSERT INTO sqlite_sequence (name, seq) VALUES ('")?.strip_suffix(");")?;
    let (name, value) = values.split_once("', ")?;
    Some(Sequence { name: name.to_owned(), value: value.parse().ok()?, used: true }).filter(|_| is_name(name))
}

/// Returns true if a line matters only to `psql` or `sqlite3` and can be skipped.
pub(super) fn is_passed_over(line: &str, postgres: bool) -> bool {
    let between =
        |start: &str, end: &str| line.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(is_name);
    line == "COMMIT;"
        || (postgres && between("ALTER TABLE ", " ENABLE TRIGGER USER;"))
        || (!postgres && between("DELETE FROM sqlite_sequence WHERE name = '", "';"))
}
