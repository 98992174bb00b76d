//! `promtool` of the Debian package `prometheus`, which checks metrics, rules and queries as Prometheus does.

use std::io::Write;
use std::process::{Command, Stdio};

/// What it printed, in a folder; it must find nothing wrong.
#[track_caller]
pub(crate) fn promtool(folder: &std::path::Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool: {error}; apt-get install prometheus"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {text}");
    text
}
