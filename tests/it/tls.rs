//! TLS by `sslmode` with certificates of every kind. Each result is compared with that of psql on the same server.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use authsvc::db::{Connection, DatabaseUrl, Defaults};
use secrecy::SecretString;

use crate::support::{CANARY, Cluster, Database, Program, eventually};

const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Servers' certificates: `good` (signed, right name), `expired`, `host` (another name), `stranger` (another
/// authority), `own` (signed by itself, as an authority), `named` (right name in the subject only), `v1` (signed by
/// itself, version 1).
const CERTIFICATES: [&str; 7] = ["good", "expired", "host", "stranger", "own", "named", "v1"];

const SCRIPT: &str = r#"
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $1.key; }
authority() { key $1; openssl req -x509 -new -key $1.key -days 2 -subj /CN=$1 -out $1.crt; }
leaf() { key $1; openssl req -new -key $1.key -subj /CN=$3 -out $1.csr
  $4 openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days 2 -out $1.crt -extfile $5; }
echo subjectAltName=DNS:localhost > right; echo subjectAltName=DNS:elsewhere > wrong
echo basicConstraints=CA:FALSE > none
authority ca; authority other
leaf good ca localhost "" right
leaf expired ca localhost "faketime -f -10d" right
leaf host ca localhost "" wrong
leaf stranger other localhost "" right
leaf named ca localhost "" none
key own; openssl req -x509 -new -key own.key -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -out own.crt
key v1; openssl req -new -key v1.key -subj /CN=localhost -out v1.csr; openssl x509 -req -in v1.csr -signkey v1.key -days 2 -out v1.crt
openssl x509 -in v1.crt -noout -text | grep -q 'Version: 1 '
leaf client ca app "" none
mkdir -p home/.postgresql empty
chmod 600 *.key; chmod 755 .; if [ $(id -u) = 0 ]; then chown postgres *.key; cp client.key mine.key; chown root mine.key; else cp client.key mine.key; fi
"#;

struct Server {
    cluster: Cluster,
    database: Database,
    files: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let output = Command::new("sh").args(["-ec", SCRIPT]).current_dir(files.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let file = |name: &str| files.path().join(name).display().to_string();
        let settings = ["ssl=on".to_owned(), format!("ssl_ca_file={}", file("ca.crt"))];
        let cluster = Cluster::start(&[]);
        for setting in ["ssl_cert_file", "ssl_key_file"] {
            let name = if setting == "ssl_cert_file" { "good.crt" } else { "good.key" };
            cluster.configure(&format!("SET {setting} = '{}'", file(name)));
        }
        for setting in settings {
            let (name, value) = setting.split_once('=').unwrap();
            cluster.configure(&format!("SET {name} = '{value}'"));
        }
        let database = Database::on(&cluster, None);
        let server = Self { cluster, database, files };
        eventually("TLS", || (server.cluster.ask("SHOW ssl") == ["on"]).then_some(()));
        server
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    fn use_certificate(&self, name: &str) {
        let certificate = self.file(&format!("{name}.crt"));
        self.cluster.configure(&format!("SET ssl_key_file = '{}'", self.file(&format!("{name}.key"))));
        self.cluster.configure(&format!("SET ssl_cert_file = '{certificate}'"));
        eventually("the certificate", || self.presented().contains(&certificate).then_some(()));
    }

    /// What the postmaster has read.
    fn presented(&self) -> String {
        self.cluster.ask("SHOW ssl_cert_file").join("")
    }

    fn rules(&self, rules: &[&str]) {
        let file = self.cluster.ask("SHOW hba_file").join("");
        let rows: Vec<String> = rules.iter().map(|rule| format!("('{rule}')")).collect();
        self.cluster.superuser(&format!("COPY (VALUES ('local all all trust'), {}) TO '{file}'", rows.join(", ")));
        self.cluster.superuser("SELECT pg_reload_conf()");
    }

    fn url(&self, query: &str) -> String {
        format!("{}?{query}", self.database.url.replace("127.0.0.1", "localhost"))
    }

    /// Whether psql's connection is encrypted; none if it does not connect.
    fn psql(&self, query: &str, home: &str) -> Option<bool> {
        let output = Command::new("psql")
            .args(["-XAtw", "-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &self.url(query)])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.file(home))
            .output()
            .unwrap();
        output.status.success().then(|| output.stdout.starts_with(b"t"))
    }

    /// The same of ours, or what it said.
    fn ours(&self, query: &str, home: &str) -> Result<bool, String> {
        let defaults = Defaults { home: Some(self.files.path().join(home)), ..Defaults::default() };
        let url =
            DatabaseUrl::parse(&self.url(query), &defaults).map_err(|error| format!("{error}: {}", error.hint()))?;
        encrypted(&url)
    }
}

fn encrypted(url: &DatabaseUrl) -> Result<bool, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = Connection::open(url).await.map_err(|error| error.to_string())?;
        let rows = connection.query("SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await;
        Ok(rows.unwrap()[0][0].as_deref() == Some("true"))
    })
}

#[test]
fn every_mode_meets_every_certificate_as_in_libpq() {
    let server = Server::start();
    let mut differences = Vec::new();
    for certificate in CERTIFICATES {
        server.use_certificate(certificate);
        let own = format!("{certificate}.crt");
        for root in ["", "ca.crt", "other.crt", &own] {
            if (certificate, root) == ("v1", "v1.crt") {
                // libpq verifies it, we say which version is needed
                let query = format!("sslmode=verify-ca&sslrootcert={}", server.file(root));
                assert!(server.ours(&query, "empty").unwrap_err().contains("version 3"));
                continue;
            }
            for mode in MODES {
                let file = if root.is_empty() { String::new() } else { format!("&sslrootcert={}", server.file(root)) };
                let query = format!("sslmode={mode}{file}");
                let (theirs, ours) = (server.psql(&query, "empty"), server.ours(&query, "empty"));
                if theirs != ours.clone().ok() {
                    differences.push(format!("{certificate} {root} {mode}: psql {theirs:?}, ours {ours:?}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn a_file_of_authorities_in_the_home_directory_counts_as_in_libpq() {
    let server = Server::start();
    for (authority, agreed) in [("ca.crt", Some(true)), ("other.crt", None)] {
        std::fs::copy(server.file(authority), server.file("home/.postgresql/root.crt")).unwrap();
        for mode in MODES {
            let query = format!("sslmode={mode}");
            let (theirs, ours) = (server.psql(&query, "home"), server.ours(&query, "home"));
            assert_eq!(ours.clone().ok(), theirs, "{authority} {mode}: {ours:?}");
        }
        assert_eq!(server.ours("sslmode=verify-full", "home").ok(), agreed);
    }
}

#[test]
fn the_servers_rules_decide_where_the_mode_leaves_it_open() {
    let server = Server::start();
    let (tls, plain) = ("hostssl all all 127.0.0.1/32 scram-sha-256", "hostnossl all all 127.0.0.1/32 scram-sha-256");
    for (rule, refused) in [(tls, "disable"), (plain, "require")] {
        server.rules(&[rule]);
        let query = format!("sslmode={refused}");
        eventually("the rules", || server.psql(&query, "empty").is_none().then_some(()));
        for mode in ["disable", "allow", "prefer", "require"] {
            let query = format!("sslmode={mode}");
            let (theirs, ours) = (server.psql(&query, "empty"), server.ours(&query, "empty"));
            assert_eq!(ours.clone().ok(), theirs, "{rule} {mode}: {ours:?}");
            let program = Program::new().env("DATABASE_URL", &server.url(&query));
            match theirs {
                // a pool falls back as well
                Some(_) => {
                    program.run(&["migrate"]).success();
                    program.serve().ready().stop().success();
                }
                None => {
                    let error = program.run(&["status"]).code(1).error();
                    assert!(error.contains("no pg_hba.conf entry"), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_service_works_through_each_kind_of_connection() {
    let server = Server::start();
    let ca = server.file("ca.crt");
    server.use_certificate("v1");
    for query in ["sslmode=require", "sslmode=prefer", "sslmode=allow"] {
        let program = Program::new().env("DATABASE_URL", &server.url(query));
        program.run(&["migrate"]).success();
        program.serve().ready().stop().success();
    }
    let error = server.ours(&format!("sslmode=verify-full&sslrootcert={ca}"), "empty").unwrap_err();
    assert!(error.contains("version 3") && error.contains("UnsupportedCertVersion"), "{error}");
    server.use_certificate("good");
    for query in [
        format!("sslmode=verify-full&sslrootcert={ca}"),
        format!("sslmode=require&sslrootcert={ca}"),
        format!("sslmode=verify-full&sslrootcert={ca}&hostaddr=127.0.0.1"),
        format!(
            "sslmode=verify-full&sslrootcert={ca}&sslcert={}&sslkey={}",
            server.file("client.crt"),
            server.file("mine.key")
        ),
        "sslmode=require&sslsni=0&ssl_min_protocol_version=TLSv1.3".to_owned(),
        "sslmode=require&ssl_max_protocol_version=TLSv1.2".to_owned(),
        "sslmode=require&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=9000".to_owned(),
        "sslmode=disable&keepalives=1&keepalives_idle=30".to_owned(),
        "connect_timeout=0&gssencmode=disable&channel_binding=prefer".to_owned(),
    ] {
        let program = Program::new().env("DATABASE_URL", &server.url(&query));
        program.run(&["backup"]).success();
        program.run(&["status", "--check"]).success();
        program.serve().ready().stop().success();
    }
    // `require` for the channel is `verify-full`, and the authorities are the system's
    let error = server.ours("channel_binding=require", "empty").unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
    let direct = server.ours("sslnegotiation=direct&sslmode=require", "empty");
    match direct {
        Ok(encrypted) => assert!(encrypted && server.cluster.version() >= 17),
        Err(error) => assert!(error.contains("PostgreSQL 17") && server.cluster.version() < 17, "{error}"),
    }
    let program = Program::new().env("DATABASE_URL", &server.url("")).env("SSL_CERT_FILE", &ca);
    for query in ["sslrootcert=system", "channel_binding=require", "sslmode=verify-full"] {
        let program = Program::new().env("DATABASE_URL", &server.url(query)).env("SSL_CERT_FILE", &ca);
        program.run(&["status", "--check"]).success();
    }
    program.run(&["status", "--check"]).success();
}

#[test]
fn files_that_cannot_be_used_are_named_with_2() {
    let server = Server::start();
    let (key, certificate) = (server.file("mine.key"), server.file("client.crt"));
    std::fs::write(server.file("empty.crt"), "nothing").unwrap();
    let folder = Path::new(&server.file("empty")).display().to_string();
    let text = server.file("empty.crt");
    for (name, variable, file, expected) in [
        ("sslrootcert", "PGSSLROOTCERT", "/nowhere", "cannot be read"),
        ("sslrootcert", "PGSSLROOTCERT", folder.as_str(), "not a regular file"),
        ("sslrootcert", "PGSSLROOTCERT", text.as_str(), "contains no certificate"),
        ("sslcert", "PGSSLCERT", certificate.as_str(), "has no key"),
        ("sslkey", "PGSSLKEY", key.as_str(), "has no certificate"),
        ("sslcert", "PGSSLCERT", "/nowhere", "has no key"),
    ] {
        for command in ["status", "serve", "migrate", "backup"] {
            let program = Program::new().env("DATABASE_URL", &server.url(&format!("{name}={file}")));
            let error = program.run(&[command]).code(2).error();
            assert!(error.contains(name) && error.contains(expected) && error.contains(file), "{error}");
            let program = Program::new().env("DATABASE_URL", &server.url("")).env(variable, file);
            let error = program.run(&[command]).code(2).error();
            assert!(error.contains(variable) && error.contains(expected), "{error}");
        }
    }
}

#[test]
fn a_password_file_and_a_service_are_used() {
    let server = Server::start();
    let port = server.cluster.port;
    let home = server.files.path().join("home");
    let write = |name: &str, text: &str, mode: &str| {
        let file = home.join(name);
        std::fs::write(&file, text).unwrap();
        assert!(Command::new("chmod").arg(mode).arg(&file).status().unwrap().success());
        file.display().to_string()
    };
    let escaped = CANARY.replace('\\', "\\\\").replace(':', "\\:");
    let passwords = format!("# mine\nelse:*:*:*:wrong\nlocalhost:{port}:*:app:{escaped}\n*:*:*:*:wrong\n");
    let file = write(".pgpass", &passwords, "600");
    let database = server.database.name();
    write(
        ".pg_service.conf",
        &format!("[other]\nhost=nowhere\n[mine]\nhost=localhost\nport={port}\nuser=app\ndbname={database}\n"),
        "644",
    );
    let program = |url: &str| Program::new().env("DATABASE_URL", url).env("HOME", home.to_str().unwrap());
    program(&format!("postgres://app@localhost:{port}/{database}")).run(&["migrate"]).success();
    program("postgres://?service=mine").run(&["status", "--check"]).success();
    program("postgres://").env("PGSERVICE", "mine").run(&["status", "--check"]).success();
    let error = program("postgres://").env("PGSERVICE", "none").run(&["status"]).code(2).error();
    assert!(error.contains("PGSERVICE") && error.contains("`none` is not defined"), "{error}");
    // what others can read is no password file
    write(".pgpass", &passwords, "644");
    let outcome = program("postgres://?service=mine").run(&["status"]).code(1);
    assert!(outcome.stderr.contains("chmod 600"), "{}", outcome.stderr);
    let moved = write("elsewhere", &passwords, "600");
    program("postgres://?service=mine").env("PGPASSFILE", &moved).run(&["status", "--check"]).success();
    assert_ne!(moved, file);
    let defaults = Defaults {
        variables: HashMap::from([
            ("PGSERVICE", SecretString::from("mine")),
            ("PGPASSWORD", SecretString::from(CANARY)),
        ]),
        home: Some(home.clone()),
        ..Defaults::default()
    };
    let url = DatabaseUrl::parse("postgres://", &defaults).unwrap();
    assert_eq!(encrypted(&url), Ok(true));
}
