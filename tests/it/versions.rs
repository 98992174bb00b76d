//! Databases that move between PostgreSQL versions: by `pg_upgrade`, and by backups that this program or `psql`
//! restores.

use crate::backup::backup;
use crate::support::installation::Installation;
use crate::support::{Cluster, Database, Program};

/// With every migration and development data.
fn seeded(cluster: &Cluster) -> (Database, Program) {
    let database = Database::on(cluster, None);
    let program = Program::on(&database).env("AUTHSVC_ENV", "development");
    program.run(&["migrate"]).success();
    program.run(&["seed"]).success();
    (database, program)
}

/// The rows that a restore brings back unchanged.
fn accounts(database: &Database) -> Vec<String> {
    let tables = ["users", "oauth_providers", "refresh_tokens"];
    tables.iter().flat_map(|table| database.query(&format!("SELECT * FROM {table} ORDER BY id"))).collect()
}

#[test]
fn pg_upgrade_makes_no_drift() {
    let [older, newer] = Installation::for_upgrade();
    let cluster = Cluster::of(older, &[]);
    let (database, program) = seeded(&cluster);
    program.run(&["rollback", "--yes"]).success();
    let cluster = cluster.upgraded(newer);
    let program = Program::on(&database.seen_on(&cluster));
    let status = program.run(&["status", "--json"]).success().json();
    assert_eq!(status["drift"], serde_json::json!([]), "{status:#}");
    program.run(&["migrate"]).success();
    program.run(&["status", "--check"]).success();
}

#[test]
fn a_backup_of_each_version_is_restored_on_the_oldest_and_the_newest() {
    let clusters = Cluster::of_each_version();
    let targets = [clusters[0], clusters[clusters.len() - 1]];
    for from in clusters {
        let (database, program) = seeded(from);
        let expected = accounts(&database);
        let file = backup(&program, &[]);
        for to in targets {
            let other = Database::on(to, None);
            Program::on(&other).run(&["restore", file.to_str().unwrap(), "--yes"]).success();
            assert!(accounts(&other) == expected, "from {} to {}", from.version(), to.version());
            Program::on(&other).run(&["status", "--check"]).success();
        }
    }
}
