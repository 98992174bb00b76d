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

/// The modules of `src` and the crate `entity`, from the edge to the leaves. A module may import those of later rows.
/// `docs/ARCHITECTURE.md` draws this order.
const LAYERS: [&[&str]; 12] = [
    &["main", "lib"],
    &["cli"],
    &["config"],
    &["http"],
    &["auth"],
    &["health", "maintain"],
    &["backup", "seed"],
    &["migrate"],
    &["db"],
    &["disk"],
    &["client_limits", "clock", "notify", "password_hashes", "printable", "random", "shutdown", "telemetry"],
    &["entity"],
];

fn layer(module: &str) -> usize {
    let found = LAYERS.iter().position(|layer| layer.contains(&module));
    found.unwrap_or_else(|| panic!("{module} has no place in the order of modules"))
}

#[test]
fn imports_point_down() {
    for (module, used) in imports() {
        for other in used {
            assert!(layer(&module) < layer(&other), "{module} imports {other}, which stands above or beside it");
        }
    }
}

#[test]
fn the_diagram_has_the_order_of_modules() {
    let page = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let diagram = page.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    // a line that has only `│` separates two layers
    let layers: Vec<Vec<&str>> = diagram
        .split_inclusive('\n')
        .collect::<Vec<_>>()
        .split(|line| line.trim() == "│")
        .map(|lines| lines.iter().flat_map(|line| line.split('│').next().unwrap().split_whitespace()).collect())
        .collect();
    assert_eq!(layers, LAYERS);
    let modules = imports().into_keys().chain(["entity".to_owned()]).collect::<BTreeSet<_>>();
    assert_eq!(modules, layers.concat().into_iter().map(str::to_owned).collect());
}

/// Folders that have a file, and those in them, relative to the root.
fn folders(folder: &str) -> Vec<String> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(folders(&format!("{folder}/{name}")));
        }
    }
    found
}

#[test]
fn the_map_has_every_folder_and_only_files_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let section = |title: &str| page.split(&format!("\n## {title}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<String> =
        section("Folders").lines().filter(|line| line.starts_with("| `")).map(|line| quoted(line).remove(0)).collect();
    let mut expected = vec!["fuzz".to_owned()];
    for folder in ["benches", "build", "deploy", "docs", "entity", "examples", "migration", "seed", "src", "tests"] {
        expected.extend(folders(folder));
    }
    expected.retain(|folder| folder != "src");
    expected.sort();
    assert_eq!(rows, expected, "the folders of docs/ARCHITECTURE.md");
    let walkthroughs =
        page.split("\n## Walkthrough: ").skip(1).flat_map(|part| quoted(part.split("\n## ").next().unwrap()));
    let named = walkthroughs.chain(quoted(section("Where to find a concept")));
    for path in named.filter(|path| path.contains('/') && !path.contains(' ') && !path.starts_with('/')) {
        let is_file = [&path, &format!("src/{path}")].iter().any(|path| root().join(path).exists());
        assert!(is_file, "{path} of docs/ARCHITECTURE.md does not exist");
    }
}

#[test]
fn leaves_import_nothing_of_ours() {
    let imports = imports();
    for leaf in LAYERS[LAYERS.len() - 2] {
        assert!(imports[*leaf].is_empty(), "{leaf} imports {:?}", imports[*leaf]);
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
