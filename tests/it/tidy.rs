//! House rules, as tests over the whole tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder, "rs")
}

/// Files with an ending, in a folder and those in it, but for what cargo makes.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

/// Which modules each top-level module imports.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let source = root().join("src");
    for file in sources(&source) {
        let inside = file.strip_prefix(&source).unwrap();
        let module =
            inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let used = imports.entry(module.clone()).or_default();
        for found in text.split("crate::").skip(1) {
            let names: Vec<&str> = match found.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap().split(',').collect(),
                None => vec![found],
            };
            for name in names {
                let name: String = name.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if !name.is_empty() && name != module {
                    used.insert(name);
                }
            }
        }
    }
    imports
}

#[test]
fn imports_point_down() {
    // from the edge to the leaves; a module may import what stands below it
    const ORDER: [&str; 17] = [
        "main", "lib", "cli", "config", "http", "auth", "maintain", "health", "seed", "backup", "migrate", "db",
        "disk", "clock", "notify", "random", "shutdown",
    ];
    let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    for (module, used) in imports() {
        for other in used {
            assert!(rank(&module) < rank(&other), "{module} imports {other}, which stands above it");
        }
    }
}

#[test]
fn leaves_import_nothing_of_ours() {
    let imports = imports();
    for leaf in ["clock", "notify", "printable", "random", "shutdown", "telemetry"] {
        assert!(imports[leaf].is_empty(), "{leaf} imports {:?}", imports[leaf]);
    }
}

#[test]
fn no_module_is_a_bucket() {
    for file in sources(&root().join("src")) {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!["util", "utils", "common", "helpers", "misc"].contains(&name.as_str()), "{}", file.display());
    }
}

#[test]
fn files_are_small_and_open_with_their_purpose() {
    for folder in ["src", "build", "entity/src", "tests"] {
        for file in sources(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.lines().count() <= 400, "{} has over 400 lines", file.display());
            assert!(text.starts_with("//!"), "{} does not open with its purpose", file.display());
        }
    }
    assert!(std::fs::read_to_string(root().join("src/main.rs")).unwrap().lines().count() < 40);
}

#[test]
fn only_the_dialect_chooses_sql_by_backend() {
    for file in sources(&root().join("src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let chooses = text.contains("Backend::Postgres =>") && text.contains("SELECT");
        assert!(!chooses || file.ends_with("db/dialect.rs"), "{}", file.display());
    }
}

#[test]
fn every_command_has_its_file_and_its_line_in_the_table() {
    let page = std::fs::read_to_string(root().join("docs/COMMANDS.md")).unwrap();
    for command in ["serve", "migrate", "status", "rollback", "seed", "completions"] {
        assert!(root().join(format!("src/cli/{command}.rs")).exists(), "{command}");
        assert!(page.contains(&format!("`authsvc {command}")), "{command} is not in docs/COMMANDS.md");
    }
    for code in 0..=6 {
        assert!(page.contains(&format!("| {code} |")), "exit code {code} is not in docs/COMMANDS.md");
    }
}

#[test]
fn dependencies_stand_in_sorted_groups_with_reasons() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    for group in section.split("\n\n") {
        let names: Vec<&str> =
            group.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next()).collect();
        assert!(names.is_sorted(), "sort {names:?}");
    }
    for (one, other) in
        [("rusqlite", "sqlx"), ("libdeflater", "flate2"), ("hyper", "reqwest"), ("oauth2", "openidconnect")]
    {
        assert!(section.contains(&format!("# {one} beside {other}: ")), "no reason for {one} beside {other}");
    }
}

#[test]
fn tests_neither_sleep_nor_are_skipped() {
    for file in sources(&root().join("tests")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for word in ["thread::sle", "time::sle", "#[ign"] {
            let word = format!("{word}{}", if word.starts_with('#') { "ore" } else { "ep" });
            assert!(!text.contains(&word), "{word} in {}", file.display());
        }
    }
}
