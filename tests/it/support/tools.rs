//! Programs that check the files in `deploy/`, from the system or from the place where `./test.sh` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a tool printed in a folder; it must find nothing wrong.
#[track_caller]
pub(crate) fn tool(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(path(name))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}; ./test.sh installs it"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{name} {arguments:?}: {text}");
    text
}

/// Every document of a YAML file, as JSON.
#[track_caller]
pub(crate) fn yaml(file: &Path) -> Vec<serde_json::Value> {
    const PRINT: &str = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let json = tool("python3", Path::new("/"), &["-c", PRINT, file.to_str().unwrap()]);
    serde_json::from_str(&json).unwrap()
}

fn path(name: &str) -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/linters/bin").join(name);
    if ours.exists() { ours } else { PathBuf::from(name) }
}
