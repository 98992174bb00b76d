//! `docs/TROUBLESHOOTING.md` lists every message, hint and code of the program, and none that the program does not have.
//!
//! The program enumerates its codes and the hints about the database. [`examples`] has an example of each other error,
//! and does not compile without one.

use std::collections::BTreeSet;

use authsvc::db::Error as DbError;
use authsvc::http::ProblemCode;

use crate::support::Program;

mod examples;

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/TROUBLESHOOTING.md")).unwrap()
}

/// Rows of the tables whose first column has this title, each as its cells.
fn rows(title: &str) -> Vec<Vec<String>> {
    let (mut rows, mut inside) = (Vec::new(), false);
    for line in page().lines() {
        let cells = line.trim_matches(['|', ' ']).split(" | ").map(str::to_owned).collect::<Vec<_>>();
        match (line.starts_with('|'), cells[0] == title) {
            (true, true) => inside = true,
            (true, false) if inside && !line.starts_with("|---") => rows.push(cells),
            (true, false) => {}
            (false, _) => inside = false,
        }
    }
    rows
}

/// Texts in a cell that are marked as code, with one backtick or two.
fn code(cell: &str) -> Vec<String> {
    let (mut texts, mut rest) = (Vec::new(), cell);
    while let Some(begin) = rest.find('`') {
        let mark = if rest[begin..].starts_with("``") { "``" } else { "`" };
        let (text, after) = rest[begin + mark.len()..].split_once(mark).unwrap_or_else(|| panic!("{cell}"));
        texts.push(text.trim().to_owned());
        rest = after;
    }
    texts
}

#[test]
fn every_message_has_a_row_with_its_hint() {
    let rows = rows("message");
    let examples: Vec<_> = examples::of_commands().into_iter().chain(examples::of_service()).collect();
    let mut missing = Vec::new();
    for example in &examples {
        let of_message = rows.iter().filter(|row| code(&row[0]).first() == Some(&example.message));
        let has_hint = |row: &Vec<String>| example.hint.as_ref().is_none_or(|hint| row.join(" | ").contains(hint));
        if !of_message.into_iter().any(has_hint) {
            missing.push(format!("{}\n  hint: {}", example.message, example.hint.as_deref().unwrap_or("none")));
        }
    }
    assert!(missing.is_empty(), "rows missing in docs/TROUBLESHOOTING.md:\n{}", missing.join("\n"));
    let messages: BTreeSet<_> = examples.iter().map(|example| &example.message).collect();
    let unknown: Vec<_> = rows.iter().map(|row| &row[0]).filter(|cell| !messages.contains(&code(cell)[0])).collect();
    assert!(unknown.is_empty(), "the program has no message {unknown:#?}");
}

#[test]
fn every_hint_about_the_database_has_a_row() {
    let rows = rows("message of the server");
    let hints: BTreeSet<_> = DbError::hints().into_iter().map(str::to_owned).collect();
    assert!(hints.len() > 70, "{}", hints.len());
    assert_eq!(rows.iter().map(|row| row[1].clone()).collect::<BTreeSet<_>>(), hints);
}

#[test]
fn each_message_of_a_server_leads_to_the_hint_of_its_row() {
    let mut read = 0;
    for row in rows("message of the server") {
        for text in code(&row[0]) {
            let Some((message, code)) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) else {
                continue;
            };
            if code.chars().all(|char| char.is_ascii_digit() || char.is_ascii_uppercase()) {
                let hint = DbError::of_code(code, message).hint().unwrap_or_default();
                assert!(row[1].split("OBJECT").all(|part| hint.contains(part)), "{text}: {hint}\nnot {}", row[1]);
                read += 1;
            }
        }
    }
    assert!(read > 70, "{read}");
}

#[test]
fn every_code_of_a_problem_has_a_row() {
    let listed: BTreeSet<_> = rows("`code`").iter().flat_map(|row| code(&row[0])).collect();
    let codes: BTreeSet<_> = ProblemCode::ALL.iter().map(|code| code.text().to_owned()).collect();
    assert_eq!(listed, codes);
}

#[test]
fn every_exit_code_has_a_row() {
    let help = Program::new().run(&["--help"]).success().stdout;
    let codes = help.split("Exit codes:\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("  "));
    let codes: BTreeSet<_> = codes.map(|line| line.trim()[..1].to_owned()).filter(|code| code != "0").collect();
    assert_eq!(rows("code").iter().map(|row| row[0].clone()).collect::<BTreeSet<_>>(), codes);
}
