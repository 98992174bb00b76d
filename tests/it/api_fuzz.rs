//! Fuzzing of the API: schemathesis generates requests from the OpenAPI document and checks every response against it.
//! No response is a 500 or undocumented, and no request that breaks the document is accepted.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::accounts::unlimited;
use crate::backup::seeded;
use crate::support::api::log_in;
use crate::support::database::ENGINES;

/// Where `./test.sh` puts it, or where it is found.
fn schemathesis() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schemathesis/bin/schemathesis");
    if ours.exists() { ours } else { PathBuf::from("schemathesis") }
}

#[test]
fn every_answer_is_one_that_the_document_names() {
    for engine in ENGINES {
        let database = seeded(engine);
        let program =
            unlimited(&database).env("AUTHSVC_GITHUB_CLIENT_ID", "id").env("AUTHSVC_GITHUB_CLIENT_SECRET", "secret");
        // no process listens there
        let program =
            program.env("AUTHSVC_GITHUB_URL", "http://127.0.0.1:9").env("AUTHSVC_GITHUB_API_URL", "http://127.0.0.1:9");
        let server = program.serve().ready();
        let (token, _) = log_in(server.public, "ada@example.com", "correct-horse-battery").tokens();
        let run = Command::new(schemathesis())
            .args(["run", &format!("http://{}/openapi.json", server.public)])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            // what only looks like a token is refused although it fits the document
            .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "60"])
            .args(["--no-color", "--warnings", "off", "--generation-database", "none"])
            .current_dir(database.directory.as_ref().map_or(Path::new("/tmp"), |directory| directory.path()))
            .output()
            .expect("schemathesis is not installed: run ./test.sh, or `pip install schemathesis`");
        let told = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && told.contains("No issues found"), "{engine:?}:\n{told}");
        let log = server.stop().success().stderr;
        assert!(!log.contains("ERROR"), "{log}");
    }
}
