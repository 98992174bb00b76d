//! Writes the checked migrations as a Rust table of the types in `src/migrate/embedded.rs`.

use std::fmt::Write as _;

use super::migrations::{Migration, Pair, Script};
use super::sql::Statement;

/// The source text of `static MIGRATIONS`.
pub fn table(migrations: &[Migration]) -> String {
    let mut out = String::from("pub(crate) static MIGRATIONS: &[Migration] = &[\n");
    for migration in migrations {
        let Migration { name, number, scripts } = migration;
        let compatible = scripts.iter().all(|pair| pair.up.directives.compatible);
        let pairs: Vec<String> = scripts.iter().map(pair).collect();
        let _ = writeln!(
            out,
            "Migration {{ number: {number}, name: {name:?}, compatible: {compatible}, postgres: {}, sqlite: {} }},",
            pairs[0], pairs[1]
        );
    }
    out.push_str("];\n");
    out
}

fn pair(pair: &Pair) -> String {
    let catalogue =
        if pair.catalogue.exists() { format!("include_str!({:?})", pair.catalogue) } else { "\"\"".to_owned() };
    let down =
        if pair.up.directives.irreversible { "None".to_owned() } else { format!("Some({})", script(&pair.down)) };
    format!(
        "Pair {{ up: {}, down: {down}, checksum: {:?}, catalogue: {catalogue} }}",
        script(&pair.up),
        pair.up.checksum
    )
}

fn script(script: &Script) -> String {
    let directives = &script.directives;
    let statements: Vec<String> = script.statements.iter().map(statement).collect();
    let file = format!("{}", relative(script).display());
    format!(
        "Script {{ file: {file:?}, transactional: {}, lock_timeout_ms: {:?}, batch: {:?}, statements: &[{}] }}",
        !directives.no_transaction,
        directives.lock_timeout_ms,
        batch(&script.statements),
        statements.join(", ")
    )
}

/// The path as a reader of the repository knows it: `migration/<dialect>/<file>`.
fn relative(script: &Script) -> std::path::PathBuf {
    let parts: Vec<_> = script.path.iter().rev().take(3).collect();
    parts.into_iter().rev().collect()
}

/// All statements for one round trip inside a transaction, in which nothing can or need be concurrent, and no block of
/// PL/pgSQL can commit what it has done so far.
fn batch(statements: &[Statement]) -> String {
    let texts = statements.iter().map(|statement| statement.without_word("CONCURRENTLY"));
    let lines = texts.flat_map(|text| format!("{text};").lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| line.trim() != "COMMIT;").map(|line| line + "\n").collect()
}

fn statement(statement: &Statement) -> String {
    format!("MigrationStatement {{ line: {}, sql: {:?} }}", statement.line, statement.text)
}
