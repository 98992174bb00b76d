//! The page about monitoring tells every metric.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::metrics::{Timed, encode, filled};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Names of all metrics, each with its labels.
fn made() -> BTreeMap<String, BTreeSet<String>> {
    let timed = Timed::start();
    timed.ask("GET /items/1");
    let text = encode(&timed.metrics, filled());
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let labels = |(name, kind): (&str, &str)| {
        let sample = if kind == "histogram" { format!("{name}_count") } else { name.to_owned() };
        let of_sample =
            text.lines().filter_map(|line| line.strip_prefix(&sample)?.strip_prefix('{')).flat_map(|line| {
                line.split("=\"").map(|piece| piece.rsplit([',', '{']).next().unwrap().trim_matches('"').to_owned())
            });
        let is_name = |word: &String| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        (name.to_owned(), of_sample.filter(is_name).collect())
    };
    types.map(labels).collect()
}

#[test]
fn every_metric_and_its_labels_are_documented() {
    let page = read("docs/MONITORING.md");
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<String>>();
    let rows = page.lines().filter(|line| line.starts_with("| `authsvc_"));
    let documented: BTreeMap<String, BTreeSet<String>> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            (words(cells[1]).pop_first().unwrap(), words(cells[2]))
        })
        .collect();
    assert_eq!(documented, made());
}
