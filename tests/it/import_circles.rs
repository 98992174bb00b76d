//! Files of a folder import each other in one direction, so that each can be read after those that it imports.
//!
//! An import leads to the file that defines the name. A `pub use` is not an import: it only lets others find the name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::tidy::files;

/// File of a module, by its path such as `db::staging`.
#[derive(Default)]
struct Module {
    /// Names that the file defines.
    items: BTreeSet<String>,
    /// Names that `use` makes known in the file, with their paths.
    uses: BTreeMap<String, String>,
    /// Paths that the code depends on.
    paths: BTreeSet<String>,
}

impl Module {
    fn parse(text: &str) -> Self {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        let mut module = Self { items: code.lines().filter_map(item).collect(), ..Self::default() };
        for statement in code.split(';') {
            let (before, tree) = statement.rsplit_once("use ").unwrap_or((statement, ""));
            let is_reexport = before.ends_with("pub ") || before.ends_with(") ");
            for (name, path) in leaves(tree, "") {
                module.uses.insert(name, path.clone());
                if !is_reexport {
                    module.paths.insert(path);
                }
            }
            let words = before.split(|sign: char| !(sign.is_alphanumeric() || sign == '_' || sign == ':'));
            module.paths.extend(words.filter(|word| word.contains("::")).map(str::to_owned));
        }
        module
    }
}

/// Name that a line without indentation defines.
fn item(line: &str) -> Option<String> {
    let (before, rest) = ["fn ", "struct ", "enum ", "trait ", "type ", "static ", "const ", "macro_rules! "]
        .iter()
        .find_map(|word| line.split_once(word))?;
    let is_start = before.is_empty() || ["pub", "async ", "const "].iter().any(|start| before.starts_with(start));
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    is_start.then(|| rest.chars().take_while(|sign| is_word(*sign)).collect())
}

/// Names and paths of the tree behind `use`.
fn leaves(tree: &str, before: &str) -> Vec<(String, String)> {
    let mut depth = 0;
    let parts = tree.split(|sign| {
        depth += i32::from(sign == '{') - i32::from(sign == '}');
        sign == ',' && depth == 0
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts
        .flat_map(|part| match part.split_once('{') {
            Some((start, rest)) => leaves(rest.strip_suffix('}').unwrap_or(rest), &format!("{before}{start}")),
            None => {
                let (path, other_name) = part.split_once(" as ").unwrap_or((part, ""));
                let path = format!("{before}{path}").trim_end_matches("::self").to_owned();
                let name = if other_name.is_empty() { path.rsplit("::").next().unwrap() } else { other_name };
                vec![(name.to_owned(), path)]
            }
        })
        .collect()
}

/// Module that defines the item of a path in the module `from`; `None` if another crate does, or for a module.
fn resolve(modules: &BTreeMap<String, Module>, from: &str, path: &str) -> Option<String> {
    let mut at = from.to_owned();
    let mut rest = path;
    while !rest.is_empty() {
        let (part, after) = rest.split_once("::").unwrap_or((rest, ""));
        let child = if at.is_empty() { part.to_owned() } else { format!("{at}::{part}") };
        match part {
            "crate" => at.clear(),
            "self" => {}
            "super" => at.truncate(at.rfind("::").unwrap_or(0)),
            _ if modules.contains_key(&child) => at = child,
            _ => {
                let module = modules.get(&at)?;
                if module.items.contains(part) {
                    return Some(at);
                }
                let imported = module.uses.get(part).filter(|path| path.split("::").next() != Some(part))?;
                return resolve(modules, &at, &format!("{imported}::{after}"));
            }
        }
        rest = after;
    }
    None
}

#[test]
fn files_of_a_folder_import_each_other_in_one_direction() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    for file in files(&source, "rs") {
        let name = file.strip_prefix(&source).unwrap().with_extension("").display().to_string().replace('/', "::");
        if !name.ends_with("::tests") {
            modules.insert(name, Module::parse(&std::fs::read_to_string(file).unwrap()));
        }
    }
    let mut imports: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, module) in &modules {
        let found = module.paths.iter().filter_map(|path| resolve(&modules, name, path));
        imports.insert(name, found.filter(|other| other != name).collect());
    }
    assert!(imports["db::snapshot::sqlite"].contains("db::backend"), "the imports were not understood");
    loop {
        // a file that imports none of the others, or that none of them imports, is in no circle
        let names: BTreeSet<String> = imports.keys().map(|name| (*name).to_owned()).collect();
        let used: BTreeSet<String> = imports.values().flatten().cloned().collect();
        imports.values_mut().for_each(|others| others.retain(|other| names.contains(other)));
        imports.retain(|name, others| used.contains(*name) && !others.is_empty());
        if imports.len() == names.len() {
            break;
        }
    }
    assert!(imports.is_empty(), "a circle of imports: {imports:#?}");
}
