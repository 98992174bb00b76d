//! Compiles `migration/` and `seed/` into the program, after checking all that can be known without a database.
#![expect(clippy::disallowed_methods, reason = "cargo passes the folders to a build script in the environment")]

#[path = "build/emit.rs"]
mod emit;
#[path = "build/migrations.rs"]
mod migrations;
#[path = "build/seed.rs"]
mod seed;
#[path = "build/sql.rs"]
mod sql;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    for watched in ["migration", "seed", "build"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    if let Err(problems) = seed::check(&root.join("seed")) {
        report(&problems);
    }
    match migrations::read(&root.join("migration")) {
        Ok(migrations) => {
            warn_of_missing_catalogues(&migrations);
            let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
            fs::write(out.join("migrations.rs"), emit::table(&migrations))?;
            let newest = migrations.last().map_or("none", |migration| migration.name.as_str());
            println!("cargo::rustc-env=AUTHSVC_NEWEST_MIGRATION={newest}");
        }
        Err(problems) => report(&problems),
    }
    println!("cargo::rustc-env=AUTHSVC_COMMIT={}", commit(&root));
    Ok(())
}

/// Each problem becomes an error of the build.
fn report(problems: &[migrations::Problem]) {
    for problem in problems {
        println!("cargo::error={problem}");
    }
}

fn warn_of_missing_catalogues(migrations: &[migrations::Migration]) {
    let pairs = migrations.iter().flat_map(|migration| &migration.scripts);
    for pair in pairs.filter(|pair| !pair.catalogue.exists()) {
        println!(
            "cargo::warning={} is missing: `UPDATE_CATALOGUE=1 cargo test catalogue` writes it",
            pair.catalogue.display()
        );
    }
}

/// The commit that is built: as `AUTHSVC_BUILD_COMMIT` says, else that of the checkout, else `unknown`.
fn commit(root: &Path) -> String {
    println!("cargo::rerun-if-env-changed=AUTHSVC_BUILD_COMMIT");
    if let Some(commit) = env::var("AUTHSVC_BUILD_COMMIT").ok().filter(|commit| !commit.is_empty()) {
        return commit;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| root.join(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}
