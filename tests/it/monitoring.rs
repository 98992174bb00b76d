//! The alert rules, the dashboard and their page are made of metrics that exist, and do what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::metrics::{Timed, encode, filled};
use crate::support::promtool::promtool;

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

/// Names of metrics in a text, without what a histogram adds to its name.
fn named(text: &str) -> BTreeSet<String> {
    let words =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("authsvc_"));
    let base = |word: &str| {
        let suffix = ["_bucket", "_count", "_sum"].into_iter().find_map(|suffix| word.strip_suffix(suffix));
        suffix.unwrap_or(word).to_owned()
    };
    words.map(base).collect()
}

fn alerts() -> Vec<String> {
    let text = read("deploy/prometheus/alerts.yml");
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned);
    let names: Vec<String> = names.collect();
    assert!(names.len() > 20, "{names:?}");
    names
}

#[test]
fn rules_are_valid_and_fire_when_they_must() {
    let folder = root().join("deploy/prometheus");
    promtool(&folder, &["check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"], "");
    promtool(&folder, &["test", "rules", "alerts_test.yml"], "");
}

#[test]
fn every_alert_is_tested_firing_and_silent() {
    let tests = read("deploy/prometheus/alerts_test.yml");
    for alert in alerts() {
        let cases = tests.split("alertname: ").skip(1).filter(|case| case.split([',', '\n']).next() == Some(&alert));
        let (silent, firing): (Vec<_>, Vec<_>) = cases.partition(|case| case.contains("exp_alerts: []}\n"));
        assert!(silent.len() >= 2, "{alert}: {silent:?}");
        assert!(firing.iter().any(|case| case.contains("exp_labels: ")), "{alert}: {firing:?}");
    }
}

#[test]
fn every_alert_says_how_urgent_it_is_and_what_to_do() {
    let (rules, page) = (read("deploy/prometheus/alerts.yml"), read("docs/MONITORING.md"));
    let described: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|title| title.starts_with("Authsvc"))
        .collect();
    assert_eq!(
        described.iter().collect::<BTreeSet<_>>(),
        alerts().iter().map(String::as_str).collect::<Vec<_>>().iter().collect()
    );
    for (rule, alert) in rules.split("- alert: ").skip(1).zip(alerts()) {
        for part in ["\n        for: ", "summary: ", "description: "] {
            assert!(rule.contains(part), "{alert} has no {part}");
        }
        let severity = ["page", "ticket"].into_iter().find(|word| rule.contains(&format!("{{severity: {word}}}")));
        let severity = severity.unwrap_or_else(|| panic!("{alert} has no severity"));
        assert!(rule.contains(&format!("runbook_url: docs/MONITORING.md#{}\n", alert.to_lowercase())), "{alert}");
        let section = page.split(&format!("### {alert}\n")).nth(1).unwrap();
        assert!(section.to_lowercase().starts_with(&format!("{severity}. ")), "{alert} is a {severity}");
    }
}

#[test]
fn rules_and_dashboard_use_metrics_that_exist() {
    let made = made();
    for file in ["deploy/prometheus/alerts.yml", "deploy/prometheus/alerts_test.yml", "deploy/grafana/authsvc.json"] {
        let used = named(&read(file));
        assert!(used.len() > 20, "{file}: {used:?}");
        for name in used {
            assert!(made.contains_key(&name), "{file} uses {name}, which does not exist");
        }
    }
}

#[test]
fn rules_name_checks_that_exist() {
    let folder = std::fs::read_dir(root().join("src/health/verdict")).unwrap();
    let verdicts: String = folder.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let rules = read("deploy/prometheus/alerts.yml");
    let selectors = ["check=\"", "check!~\""].into_iter().flat_map(|start| rules.split(start).skip(1));
    let names: BTreeSet<&str> = selectors.flat_map(|rest| rest.split('"').next().unwrap().split('|')).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(verdicts.contains(&format!("\"{name}\"")), "there is no check {name}");
    }
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

/// Every object with an `expr`, however deep.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| queries(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_can_be_imported_and_its_queries_are_valid() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/authsvc.json")).unwrap();
    assert_eq!(dashboard["id"], Value::Null, "an import with an id replaces another dashboard");
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let panels = dashboard["panels"].as_array().unwrap();
    let mut taken = BTreeSet::new();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{}", panel["title"]);
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            assert!(taken.insert(cell), "{} lies on another panel", panel["title"]);
        }
        assert!(panel["type"] == "row" || panel["datasource"]["uid"] == "${datasource}", "{}", panel["title"]);
    }
    let mut found = Vec::new();
    queries(&dashboard, &mut found);
    assert!(found.len() > 50, "{found:?}");
    let rules: Vec<Value> = found
        .iter()
        .enumerate()
        .map(|(at, query)| json!({"record": format!("query:{at}"), "expr": query.replace("$__rate_interval", "5m")}))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    // JSON is YAML
    std::fs::write(
        folder.path().join("rules.json"),
        json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string(),
    )
    .unwrap();
    promtool(folder.path(), &["check", "rules", "rules.json"], "");
}

#[test]
fn every_check_is_described() {
    let mut made = BTreeSet::new();
    for file in [
        "../verdict.rs",
        "../rights.rs",
        "../forwarding.rs",
        "accounts.rs",
        "database.rs",
        "backup_dir.rs",
        "server.rs",
        "maintenance.rs",
    ] {
        let text: String = read(&format!("src/health/verdict/{file}")).split_whitespace().collect::<Vec<_>>().join(" ");
        let text = text.replace("( \"", "(\"");
        for start in ["HealthCheck::healthy(\"", "HealthCheck::new(\""] {
            made.extend(text.split(start).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    let page = read("docs/MONITORING.md");
    let section = page.split("## Checks").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned));
    assert_eq!(made, rows.collect());
    assert!(made.len() > 18, "{made:?}");
}
