//! Checks that `seed/` holds JSON arrays of objects; what is in them, `src/seed.rs` reads with types.

use std::fs;
use std::path::Path;

use super::migrations::Problem;

/// The files that `src/seed.rs` reads.
pub const FILES: [&str; 3] = ["users.json", "oauth_providers.json", "refresh_tokens.json"];

/// # Errors
/// Each file that is missing or is not a JSON array of objects.
pub fn check(root: &Path) -> Result<(), Vec<Problem>> {
    let problems: Vec<Problem> = FILES.iter().filter_map(|file| check_file(&root.join(file)).err()).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn check_file(path: &Path) -> Result<(), Problem> {
    let problem = |line, message| Problem { path: path.to_owned(), line, message };
    let text = fs::read_to_string(path).map_err(|error| problem(None, format!("cannot be read: {error}")))?;
    let rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text)
        .map_err(|error| problem(Some(error.line()), format!("is not a JSON array of objects: {error}")))?;
    if rows.is_empty() { Err(problem(None, "is empty".to_owned())) } else { Ok(()) }
}
