//! `docs/TROUBLESHOOTING.md` lists every message and code of the program, and no message that no longer exists.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::tidy::files;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/TROUBLESHOOTING.md")).unwrap()
}

/// First cells of the tables whose first column is called so.
fn column(title: &str) -> BTreeSet<String> {
    let page = page();
    let lines = page.lines().map(|line| line.trim_start_matches("| ").split(" | ").next().unwrap());
    let (mut found, mut inside) = (BTreeSet::new(), false);
    for (cell, line) in lines.zip(page.lines()) {
        match (line.starts_with('|'), cell == title) {
            (true, true) => inside = true,
            (true, false) if inside && !line.starts_with("|---") => drop(found.insert(cell.to_owned())),
            (true, _) => {}
            (false, _) => inside = false,
        }
    }
    found
}

/// The texts of an attribute or call that begins so, up to the closing quotation mark.
fn texts(source: &str, begin: &str) -> Vec<String> {
    let cut = |rest: &str| rest.replace("\\\"", "\u{0}").split('"').next().unwrap().replace('\u{0}', "\"");
    source.split(begin).skip(1).map(cut).collect()
}

/// A format with `…` for what is filled in, and only its first line.
fn with_gaps(format: &str) -> String {
    let (mut text, mut depth) = (String::new(), 0);
    for sign in format.split("\\n").next().unwrap().chars() {
        match sign {
            '{' => (text, depth) = if depth == 0 { (text + "…", 1) } else { (text, depth + 1) },
            '}' => depth -= 1,
            _ if depth == 0 => text.push(sign),
            _ => {}
        }
    }
    text
}

fn sources_of(folder: &str) -> Vec<String> {
    let files = files(&root().join(folder), "rs");
    files.iter().map(|file: &PathBuf| std::fs::read_to_string(file).unwrap()).collect()
}

/// The string literals of a piece of source.
fn literals(source: &str) -> Vec<String> {
    // a line that goes on is one text
    let mut parts = source.split("\\\n");
    let first = parts.next().unwrap().to_owned();
    let joined = parts.fold(first, |text, part| text + part.trim_start());
    let parts = joined.replace("\\\"", "\u{0}");
    parts.split('"').skip(1).step_by(2).map(|literal| with_gaps(&literal.replace('\u{0}', "\""))).collect()
}

/// What follows each occurrence of a call, up to its closing parenthesis.
fn arguments<'a>(source: &'a str, call: &'a str) -> impl Iterator<Item = &'a str> {
    source.split(call).skip(1).map(|rest| {
        let mut depth = 1;
        let end = rest.find(|sign| {
            depth += i32::from(sign == '(') - i32::from(sign == ')');
            depth == 0
        });
        &rest[..end.unwrap()]
    })
}

/// Message and hint of each refusal of the command line.
fn refusals() -> Vec<(String, String)> {
    let sources = sources_of("src/cli");
    let calls = sources.iter().flat_map(|source| arguments(source, "Error::usage("));
    let pairs = calls.map(literals).filter(|texts| texts.len() > 1);
    pairs.map(|texts| (texts[0].clone(), texts[texts.len() - 1].clone())).collect()
}

#[test]
fn every_message_is_there_and_none_that_is_gone() {
    let messages = sources_of("src").iter().flat_map(|source| texts(source, "#[error(\"")).collect::<Vec<_>>();
    // what only passes on the words of another error has none of its own
    let mut messages: BTreeSet<_> =
        messages.iter().map(|format| with_gaps(format)).filter(|text| text != "…").collect();
    assert!(refusals().len() > 6, "{:?}", refusals());
    messages.extend(refusals().into_iter().map(|(message, _)| message));
    assert!(messages.len() > 70, "{}", messages.len());
    let told = column("message");
    let missing: Vec<_> = messages.difference(&told).collect();
    assert!(missing.is_empty(), "docs/TROUBLESHOOTING.md says nothing of {missing:#?}");
    let gone: Vec<_> = told.difference(&messages).collect();
    assert!(gone.is_empty(), "docs/TROUBLESHOOTING.md tells of {gone:#?}");
}

#[test]
fn every_hint_about_the_database_is_there() {
    let hints: BTreeSet<_> = authsvc::db::Error::hints().into_iter().map(str::to_owned).collect();
    assert!(hints.len() > 70, "{}", hints.len());
    assert_eq!(column("hint"), hints);
}

#[test]
fn every_other_hint_is_there() {
    for (file, title) in [
        ("src/migrate/error.rs", "hint of a migration"),
        ("src/backup/error.rs", "hint of a backup"),
        ("src/maintain/cleanup.rs", "hint of a cleanup"),
    ] {
        let source = std::fs::read_to_string(root().join(file)).unwrap();
        let body = source.split("pub fn hint").nth(1).unwrap().split("\n    }\n").next().unwrap();
        let of_files = source.split("fn file_hint").nth(1).and_then(|rest| rest.split("\n}\n").next());
        let body = [body, of_files.unwrap_or_default()].concat();
        // one word is a value that is compared
        let hints: BTreeSet<_> = literals(&body).into_iter().filter(|hint| hint.contains(' ')).collect();
        assert_eq!(column(title), hints, "{title}");
    }
    for (message, hint) in refusals() {
        assert!(page().contains(&format!("| {hint} |")), "{message}: {hint}");
    }
    let source = std::fs::read_to_string(root().join("src/cli/error.rs")).unwrap();
    let body = source.split("pub(super) fn hint").nth(1).unwrap().split("\n    }\n").next().unwrap();
    for hint in literals(body) {
        assert!(page().contains(&format!("| {hint} |")), "{hint}");
    }
}

#[test]
fn every_code_of_a_problem_is_there() {
    let mut codes = BTreeSet::new();
    for source in sources_of("src/http") {
        for rest in source.split("::new(StatusCode::").skip(1) {
            let code = rest.split_once(", \"").filter(|(status, _)| !status.contains(')'));
            codes.extend(code.map(|(_, rest)| rest.split('"').next().unwrap().to_owned()));
        }
        let kinds = source.lines().filter(|line| line.contains("Error::") && line.contains("=> \""));
        codes.extend(kinds.map(|line| line.split('"').nth(1).unwrap().to_owned()));
    }
    let told: BTreeSet<_> = column("`code`")
        .iter()
        .flat_map(|cell| cell.split(' '))
        .map(|code| code.trim_matches('`').to_owned())
        .collect();
    codes.extend(["oauth".to_owned(), "host_not_allowed".to_owned()]);
    assert_eq!(told, codes);
}

#[test]
fn every_exit_code_is_there() {
    let source = std::fs::read_to_string(root().join("src/cli.rs")).unwrap();
    let codes = source.split("Exit codes:\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("  "));
    let codes: BTreeSet<_> = codes.map(|line| line.trim()[..1].to_owned()).filter(|code| code != "0").collect();
    assert_eq!(column("code"), codes);
}
