//! The language of documents, comments and messages, as `tests/language.py` measures it.

use std::collections::HashMap;
use std::process::Command;

/// Figure, and the most that is accepted. `tests/language.py --list FIGURE` prints the places.
const LIMITS: &[(&str, f64)] = &[
    ("lines of README", 150.0),
    ("openings", 2.0),
    ("short", 4.0),
    ("pronouns", 3.0),
    ("duplicates", 0.0),
    ("long", 0.0),
    ("wide", 0.0),
    ("bare", 0.0),
    ("old words", 0.0),
];

#[test]
fn documents_and_doc_comments_are_in_plain_language() {
    let output =
        Command::new("python3").args(["tests/language.py", "."]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.expect("python3 is installed: ./test.sh does it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: HashMap<_, f64> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, figure)| (name, figure.parse().unwrap()))
        .collect();
    assert!(figures["doc comments"] > 1000.0, "{text}");
    for (name, most) in LIMITS {
        assert!(
            figures[name] <= *most,
            "{name}: {} of {most}; python3 tests/language.py --list {name:?}",
            figures[name]
        );
    }
}

/// Every file of the tests is a module, so that none is silently skipped.
#[test]
fn every_test_file_is_declared() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let declared = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let mut undeclared = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main")
            && !declared.contains(&format!("mod {module};"))
        {
            undeclared.push(name);
        }
    }
    assert!(undeclared.is_empty(), "{undeclared:?}");
}
