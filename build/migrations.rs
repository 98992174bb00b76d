//! Reads `migration/` and refuses whatever can be known to be wrong without a database.
//!
//! To add a check: add it to [`script`] (one file) or [`read`] (the folder as a whole) and a fixture to
//! `tests/it/build_checks.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::sql::{self, Statement};

/// The folders below `migration/`, one for each engine.
pub const DIALECTS: [&str; 2] = ["postgres", "sqlite"];

/// Number that is not used: migration 003 of the legacy manager inserted its development accounts.
const RESERVED: u32 = 3;

/// One migration in all dialects.
#[derive(Debug)]
pub struct Migration {
    /// `NNN_name`.
    pub name: String,
    pub number: u32,
    /// In the order of [`DIALECTS`].
    pub scripts: Vec<Pair>,
}

/// What one dialect needs to go up and down.
#[derive(Debug)]
pub struct Pair {
    pub up: Script,
    pub down: Script,
    /// The catalogue after the migration, as `migration/catalogue/` holds it; empty when it is still to be written.
    pub catalogue: PathBuf,
}

/// One file.
#[derive(Debug)]
pub struct Script {
    pub path: PathBuf,
    pub statements: Vec<Statement>,
    pub directives: Directives,
    /// SHA-256 of the canonical text, in hex.
    pub checksum: String,
}

/// The leading `-- migrate: …` comments.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Directives {
    pub no_transaction: bool,
    pub compatible: bool,
    pub irreversible: bool,
    pub noop: bool,
    pub lock_timeout_ms: Option<u64>,
}

/// A file and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    pub path: PathBuf,
    pub line: Option<usize>,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

fn problem(path: &Path, line: Option<usize>, message: impl Into<String>) -> Problem {
    Problem { path: path.to_owned(), line, message: message.into() }
}

/// All migrations below `root`, in order.
///
/// # Errors
/// Every problem found, each with its file.
pub fn read(root: &Path) -> Result<Vec<Migration>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut found: BTreeMap<u32, BTreeMap<&str, String>> = BTreeMap::new();
    for dialect in DIALECTS {
        list(&root.join(dialect), dialect, &mut found, &mut problems);
    }
    let mut migrations = Vec::new();
    for (number, names) in &found {
        match migration(root, *number, names) {
            Ok(migration) => migrations.push(migration),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() && migrations.is_empty() {
        problems.push(problem(root, None, "no migrations"));
    }
    if problems.is_empty() { Ok(migrations) } else { Err(problems) }
}

/// Notes the names of one dialect's up scripts, the files that are no migrations, and down scripts without up script.
fn list<'a>(
    folder: &Path,
    dialect: &'a str,
    found: &mut BTreeMap<u32, BTreeMap<&'a str, String>>,
    problems: &mut Vec<Problem>,
) {
    let names = match file_names(folder) {
        Ok(names) => names,
        Err(error) => return problems.push(problem(folder, None, format!("cannot be read: {error}"))),
    };
    for file in &names {
        let path = folder.join(file);
        let Some(name) = file.strip_suffix(".sql") else {
            problems.push(problem(&path, None, "is not NNN_name.sql or NNN_name.down.sql"));
            continue;
        };
        if let Some(name) = name.strip_suffix(".down") {
            if !names.contains(&format!("{name}.sql")) {
                problems.push(problem(&path, None, format!("has no {name}.sql beside it")));
            }
            continue;
        }
        match number(name) {
            Err(message) => problems.push(problem(&path, None, message)),
            Ok(number) => {
                if let Some(other) = found.entry(number).or_default().insert(dialect, name.to_owned()) {
                    problems.push(problem(&path, None, format!("has the number of {other}.sql")));
                }
            }
        }
    }
}

fn file_names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn number(name: &str) -> Result<u32, String> {
    let (digits, rest) = name.split_at_checked(3).unwrap_or((name, ""));
    let parsed = digits.parse::<u32>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    let words = rest.strip_prefix('_').unwrap_or_default();
    let named = !words.is_empty() && words.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match parsed {
        Some(0) if named => Err("numbers start at 001".to_owned()),
        Some(RESERVED) if named => Err("number 003 is reserved (development data lives in seed/)".to_owned()),
        Some(number) if named => Ok(number),
        _ => Err("a migration is named NNN_name.sql: three digits, then a-z, 0-9 and _".to_owned()),
    }
}

fn migration(root: &Path, number: u32, names: &BTreeMap<&str, String>) -> Result<Migration, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut scripts = Vec::new();
    let Some(name) = names.values().next().cloned() else { return Err(problems) };
    for dialect in DIALECTS {
        let file = root.join(dialect).join(format!("{name}.sql"));
        if names.get(dialect) != Some(&name) {
            problems.push(problem(&file, None, format!("is missing: every migration is written for {dialect}, too")));
            continue;
        }
        match pair(root, dialect, &name) {
            Ok(pair) => scripts.push(pair),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(Migration { name, number, scripts }) } else { Err(problems) }
}

fn pair(root: &Path, dialect: &str, name: &str) -> Result<Pair, Problem> {
    let folder = root.join(dialect);
    let up = script(&folder.join(format!("{name}.sql")))?;
    let path = folder.join(format!("{name}.down.sql"));
    let down = if up.directives.irreversible && !path.exists() {
        Script { path, statements: Vec::new(), directives: up.directives.clone(), checksum: String::new() }
    } else if path.exists() {
        script(&path)?
    } else {
        return Err(problem(
            &path,
            None,
            "is missing: every migration can be undone, or says `-- migrate: irreversible`",
        ));
    };
    Ok(Pair { up, down, catalogue: root.join("catalogue").join(dialect).join(format!("{name}.txt")) })
}

/// Reads and checks one file.
fn script(path: &Path) -> Result<Script, Problem> {
    let bytes = fs::read(path).map_err(|error| problem(path, None, format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        problem(path, Some(line), "is not UTF-8")
    })?;
    let text = sql::normalise(&text);
    let directives = directives(&text).map_err(|(line, message)| problem(path, Some(line), message))?;
    let statements = sql::split(&text).map_err(|(line, message)| problem(path, Some(line), message))?;
    if statements.is_empty() != directives.noop {
        let message = if directives.noop { "has statements and says `-- migrate: noop`" } else { "is empty" };
        return Err(problem(path, None, message));
    }
    for statement in &statements {
        allowed(statement, &directives).map_err(|message| problem(path, Some(statement.line), message))?;
    }
    let checksum = checksum(&statements);
    Ok(Script { path: path.to_owned(), statements, directives, checksum })
}

/// The directives in the comments before the first statement.
fn directives(text: &str) -> Result<Directives, (usize, String)> {
    let mut directives = Directives::default();
    let mut leading = true;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        leading &= line.is_empty() || line.starts_with("--");
        let Some(word) = line.strip_prefix("--").and_then(|rest| rest.trim_start().strip_prefix("migrate:")) else {
            continue;
        };
        if !leading {
            return Err((index + 1, "a directive stands before the first statement".to_owned()));
        }
        directive(word.trim(), &mut directives).map_err(|message| (index + 1, message))?;
    }
    Ok(directives)
}

fn directive(word: &str, directives: &mut Directives) -> Result<(), String> {
    match word.split_once('=') {
        None if word == "no-transaction" => directives.no_transaction = true,
        None if word == "compatible" => directives.compatible = true,
        None if word == "irreversible" => directives.irreversible = true,
        None if word == "noop" => directives.noop = true,
        Some(("lock-timeout", value)) => directives.lock_timeout_ms = Some(milliseconds(value)?),
        _ => {
            return Err(format!(
                "unknown directive `{word}`; known: no-transaction, lock-timeout=…, compatible, irreversible, noop"
            ));
        }
    }
    Ok(())
}

fn milliseconds(value: &str) -> Result<u64, String> {
    let (digits, factor) = match (value.strip_suffix("ms"), value.strip_suffix('s')) {
        (Some(digits), _) => (digits, 1),
        (None, Some(digits)) => (digits, 1000),
        (None, None) => ("", 0),
    };
    match digits.parse::<u64>() {
        Ok(number) if number > 0 => Ok(number * factor),
        _ => Err(format!("lock-timeout `{value}` is not like 500ms or 5s")),
    }
}

fn allowed(statement: &Statement, directives: &Directives) -> Result<(), String> {
    const CONTROL: [&str; 8] = ["BEGIN", "COMMIT", "ROLLBACK", "START", "END", "SAVEPOINT", "RELEASE", "ABORT"];
    if let Some(word) = CONTROL.iter().find(|word| statement.starts_with(&[word])) {
        return Err(format!("{word} belongs to the runner, which makes every migration one transaction"));
    }
    if !directives.no_transaction && statement.has_word("CONCURRENTLY") {
        return Err("CONCURRENTLY cannot run in a transaction; add `-- migrate: no-transaction`".to_owned());
    }
    if statement.starts_with(&["PRAGMA"]) {
        return Err("a PRAGMA has no effect inside a transaction".to_owned());
    }
    Ok(())
}

fn checksum(statements: &[Statement]) -> String {
    let mut hash = Sha256::new();
    for statement in statements {
        hash.update(statement.canonical());
        hash.update(";\n");
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
