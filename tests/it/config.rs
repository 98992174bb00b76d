//! Configuration: forms of the URL, defaults, files and environments. No secret is ever printed (P10).

use authsvc::config::{Config, Environment, Variables};
use authsvc::db::{DatabaseTarget, PostgresTarget, SessionAttrs, SqliteMode, SslMode};
use proptest::prelude::*;
use secrecy::ExposeSecret;

use crate::support::program::assert_no_secret;
use crate::support::{CANARY, CANARY_ENCODED, Cluster, Database, Engine, Program};

fn config<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, String> {
    let result = Config::from_variables(&Variables::from(pairs));
    // P10: whatever is printed of it
    let debug = format!("{result:?}");
    assert!(!debug.contains("s3cret") && !debug.contains(CANARY), "{debug}");
    result.map_err(|error| format!("{error} | {}", error.hint()))
}

fn postgres(url: &str) -> Result<PostgresTarget, String> {
    let config = config([("DATABASE_URL", url), ("USER", "me")])?;
    match config.database_url.target() {
        DatabaseTarget::Postgres(target) => Ok(target.clone()),
        DatabaseTarget::Sqlite(_) => Err("sqlite".to_owned()),
    }
}

fn password(target: &PostgresTarget) -> Option<&str> {
    target.password.as_ref().map(ExposeSecret::expose_secret)
}

#[test]
fn postgres_forms_that_work() {
    for (url, host, port, user, word, database) in [
        ("postgres://u:p@h:5433/d", "h", 5433, "u", Some("p"), "d"),
        ("postgresql://u:p@h/d", "h", 5432, "u", Some("p"), "d"),
        ("postgres://u:p%40s3cret%2F%3F%23@h/d", "h", 5432, "u", Some("p@s3cret/?#"), "d"),
        ("postgres://u:p@s3cret@h/d", "h", 5432, "u", Some("p@s3cret"), "d"),
        ("postgres://u:p:s3cret@h/d", "h", 5432, "u", Some("p:s3cret"), "d"),
        ("postgres://u@[::1]:6000/d", "::1", 6000, "u", None, "d"),
        ("postgres://u@[fe80::1]/d", "fe80::1", 5432, "u", None, "d"),
        ("postgres:///d?host=/run/pg&user=u&password=s3cret%26", "/run/pg", 5432, "u", Some("s3cret&"), "d"),
        ("postgres://u@%2Frun%2Fpg:7/d", "/run/pg", 7, "u", None, "d"),
        ("postgres://u@h", "h", 5432, "u", None, "u"),
        ("postgres://h/d", "h", 5432, "me", None, "d"),
        ("postgres://u@h:/d?port=9", "h", 9, "u", None, "d"),
        (" postgres://u@h/d%20b \n", "h", 5432, "u", None, "d b"),
    ] {
        let target = postgres(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let found = (
            target.hosts[0].name.as_str(),
            target.hosts[0].port,
            target.user.as_str(),
            password(&target),
            target.database.as_str(),
        );
        assert_eq!(found, (host, port, user, word, database), "{url}");
    }
    assert_eq!(postgres("postgres://u@h/d?sslmode=verify-full").unwrap().ssl_mode, SslMode::VerifyFull);
}

#[test]
fn postgres_forms_that_are_refused_without_printing_them() {
    for (url, expected) in [
        ("postgres://u:s3cret/x@h/d", "percent-encode"),
        ("postgres://u:s3cret?x@h/d", "percent-encode"),
        ("postgres://u:s3cret#x@h/d", "percent-encode"),
        ("postgres://u:s3cret%zz@h/d", "is not an escape"),
        ("postgres://u:s3cret%ff@h/d", "not UTF-8"),
        ("postgres://u:s3cret%00@h/d", "NUL"),
        ("postgres://u:s3cret@h:99999/d", "not a number from 1 to 65535"),
        ("postgres://u:s3cret@h:s3cret/d", "not a number"),
        ("postgres://u:s3cret@::1/d", "brackets"),
        ("postgres://u:s3cret@h/d?sslmode=s3cret", "sslmode"),
        ("postgres://u:s3cret@h/d?passwort=s3cret", "unknown parameter `passwort`"),
        ("postgres://u:s3cret@h/d?S3CRETs3cret=1", "unknown parameter"),
        ("postgres://u:s3cret@h/d?s3cret", "no `=`"),
        ("postgres://u:s3cret@h/d#s3cret", "unescaped `#`"),
        ("postgres://u:s3cret@a,,b/d", "an empty host"),
        ("postgres://u:s3cret@a,b,c/d?port=1,2", "3 hosts and 2 ports"),
        ("postgres://u:s3cret@a:1,b:s3cret/d", "not a number"),
        ("postgres://u:s3cret@h/d?target_session_attrs=s3cret", "target_session_attrs"),
        ("postgres://u:s3cret@h/d?prepared_statements=s3cret", "prepared_statements"),
        ("postgres:u:s3cret@h/d", "not followed by `//`"),
        ("postgre://u:s3cret@h/d", "did you mean `postgres:`"),
        ("mysql://u:s3cret@h/d", "`mysql://` is not a database"),
        ("u:s3cret@h/d", "no scheme"),
        ("s3cret", "no scheme"),
        ("s3crets3cret://h", "no scheme that is known"),
    ] {
        match config([("DATABASE_URL", url)]) {
            Ok(_) => panic!("{url} was accepted"),
            Err(error) => assert!(error.contains(expected) && !error.contains("s3cret"), "{url}: {error}"),
        }
    }
}

#[test]
fn several_hosts_in_one_url() {
    let all = "one:5432 [::1]:6000 three:5432";
    for (url, hosts, shown) in [
        ("postgres://u:p@h1:1,h2:2/d", "h1:1 h2:2", "h1:1,h2:2/d"),
        ("postgres://u:p@h1,h2:2/d", "h1:5432 h2:2", "h1:5432,h2:2/d"),
        ("postgres://u:p@h1,h2/d?port=7", "h1:7 h2:7", "h1:7,h2:7/d"),
        ("postgres://u:p@/d?host=h1,h2&port=7,8", "h1:7 h2:8", "h1:7,h2:8/d"),
        ("postgres://u:p@/d?host=h1%2Ch2&port=,8", "h1:5432 h2:8", "h1:5432,h2:8/d"),
        ("postgres://u:p@one,[::1]:6000,three/d", all, "one:5432,[::1]:6000,three:5432/d"),
        ("postgres://u:p@/d?host=/run/pg,h2", "/run/pg:5432 h2:5432", "/d?host=/run/pg,h2&port=5432,5432"),
    ] {
        let target = postgres(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let found: Vec<String> = target.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(found.join(" "), hosts, "{url}");
        assert_eq!(target.to_string(), format!("postgres://u:****@{shown}"), "{url}");
        assert_eq!((target.session_attrs, target.prepared_statements), (SessionAttrs::Any, true));
    }
    for attrs in ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] {
        let url = format!("postgres://u@h1,h2/d?target_session_attrs={attrs}&prepared_statements=false");
        let target = postgres(&url).unwrap();
        assert_eq!((target.session_attrs.to_string().as_str(), target.prepared_statements), (attrs, false));
        assert_eq!(target.to_string().contains(attrs), attrs != "any", "{target}");
    }
    let from_environment = [("DATABASE_URL", "postgres://u@/d"), ("PGHOST", "h1,h2"), ("PGPORT", "1,2")];
    assert_eq!(config(from_environment).unwrap().database_url.to_string(), "postgres://u@h1:1,h2:2/d");
}

#[test]
fn sqlite_forms() {
    for (url, path, mode) in [
        ("sqlite:a.db", "a.db", SqliteMode::ReadWrite),
        ("sqlite://a.db?mode=rwc", "a.db", SqliteMode::Create),
        ("sqlite:///tmp/a%20b.db?mode=ro", "/tmp/a b.db", SqliteMode::ReadOnly),
        ("sqlite:/tmp/a%3Fb.db?mode=rw", "/tmp/a?b.db", SqliteMode::ReadWrite),
    ] {
        let config = config([("DATABASE_URL", url)]).unwrap();
        let DatabaseTarget::Sqlite(target) = config.database_url.target() else { panic!("{url}") };
        assert_eq!((target.path.to_str().unwrap(), target.mode), (path, mode), "{url}");
    }
    for url in
        ["sqlite:", "sqlite::memory:", "sqlite:a.db?mode=memory", "sqlite:a.db?mode=x", "sqlite:a.db?cache=shared"]
    {
        config([("DATABASE_URL", url)]).unwrap_err();
    }
}

#[test]
fn libpqs_variables_fill_what_the_url_leaves_out() {
    let variables = [
        ("DATABASE_URL", "postgres://"),
        ("PGHOST", "/run/pg"),
        ("PGPORT", "77"),
        ("PGUSER", "pu"),
        ("PGDATABASE", "pd"),
        ("PGPASSWORD", "s3cret"),
        ("PGSSLMODE", "require"),
    ];
    let found = config(variables).unwrap();
    let DatabaseTarget::Postgres(target) = found.database_url.target() else { panic!() };
    assert_eq!(
        (target.hosts[0].name.as_str(), target.hosts[0].port, target.user.as_str(), target.database.as_str()),
        ("/run/pg", 77, "pu", "pd")
    );
    assert_eq!((password(target), target.ssl_mode), (Some("s3cret"), SslMode::Require));
    assert_eq!(found.database_url.to_string(), "postgres://pu:****@/pd?host=/run/pg&port=77");
    let found = config([("DATABASE_URL", "postgres://u:mine@h/d"), ("PGPASSWORD", "s3cret")]).unwrap();
    let DatabaseTarget::Postgres(target) = found.database_url.target() else { panic!() };
    assert_eq!(password(target), Some("mine"));
}

#[test]
fn where_in_doubt_it_is_production() {
    let of = |pairs: &[(&str, &str)]| match pairs {
        [] => config([]),
        [a] => config([*a]),
        [a, b] => config([*a, *b]),
        [a, b, c, ..] => config([*a, *b, *c]),
    };
    let url = ("DATABASE_URL", "sqlite:a.db");
    assert_eq!(of(&[]).unwrap().environment, Environment::Development);
    assert!(of(&[("DATABASE_URL", "")]).unwrap_err().contains("is set and empty"));
    assert_eq!(of(&[url]).unwrap().environment, Environment::Production);
    assert_eq!(of(&[url, ("GO_ENV", "staging")]).unwrap().environment, Environment::Staging);
    assert_eq!(of(&[url, ("APP_ENV", "Test"), ("GO_ENV", "staging")]).unwrap().environment, Environment::Test);
    assert_eq!(
        of(&[url, ("AUTHSVC_ENV", "development"), ("APP_ENV", "test")]).unwrap().environment,
        Environment::Development
    );
    assert!(of(&[("AUTHSVC_ENV", "prod")]).unwrap_err().contains("use development, test, staging or production"));
}

#[test]
fn other_variables_are_checked_and_unknown_ones_told() {
    for (name, value) in [
        ("AUTHSVC_LISTEN", "8080"),
        ("AUTHSVC_LOCK_WAIT", "soon"),
        ("AUTHSVC_DATABASE_MAX_CONNECTIONS", "0"),
        ("AUTHSVC_LOCK_TIMEOUT", "0s"),
        ("AUTHSVC_LOG_FORMAT", "xml"),
    ] {
        let error = config([(name, value)]).unwrap_err();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
    let warnings = config([("AUTHSVC_LISTN", "x"), ("OTHER", "y")]).unwrap().warnings;
    assert_eq!(warnings, ["unknown variable AUTHSVC_LISTN; did you mean AUTHSVC_LISTEN?"]);
}

#[test]
fn secrets_from_files() {
    let database = Database::migrated(Engine::Postgres);
    let program = Program::new();
    let file = program.directory().join("url");
    std::fs::write(&file, format!("{}\n", database.url)).unwrap();
    let with_file = |program: Program, path: &std::path::Path| program.env("DATABASE_URL_FILE", path.to_str().unwrap());
    with_file(Program::new(), &file).run(&["status", "--check"]).success();
    let error = with_file(Program::on(&database), &file).run(&["status"]).code(2).error();
    assert!(error.contains("DATABASE_URL is set, too"), "{error}");
    let error = with_file(Program::new(), &file.with_extension("none")).run(&["status"]).code(2).error();
    assert!(error.contains("DATABASE_URL_FILE") && error.contains("cannot be read"), "{error}");
    std::fs::write(&file, "\n").unwrap();
    let error = with_file(Program::new(), &file).run(&["status"]).code(2).error();
    assert!(error.contains("is empty"), "{error}");
    // the password alone
    std::fs::write(&file, CANARY).unwrap();
    let bare = database.url.replace(&format!(":{CANARY_ENCODED}"), "");
    Program::new()
        .env("DATABASE_URL", &bare)
        .env("PGPASSWORD_FILE", file.to_str().unwrap())
        .run(&["status", "--check"])
        .success();
    Program::new().env("DATABASE_URL", &bare).env("PGPASSWORD", CANARY).run(&["status", "--check"]).success();
    // a unix socket, and a raw @ in the password is accepted, the other characters are refused
    let socket = format!(
        "postgres://app:{CANARY_ENCODED}@/{}?host={}&port={}",
        database.name(),
        Cluster::shared().socket().display(),
        Cluster::shared().port
    );
    Program::new().env("DATABASE_URL", &socket).run(&["status", "--check"]).success();
    Program::new().env("DATABASE_URL", &database.url.replace(CANARY_ENCODED, CANARY)).run(&["status"]).code(2);
}

#[test]
fn a_dotenv_file_is_read_and_the_environment_goes_before_it() {
    let database = Database::migrated(Engine::Postgres);
    let program = Program::new();
    std::fs::write(
        program.directory().join(".env"),
        format!("# local\nDATABASE_URL={}\nAUTHSVC_ENV='test'\n", database.url),
    )
    .unwrap();
    assert_eq!(program.run(&["status", "--check"]).success().json()["backend"], "postgres");
    let program = program.env("DATABASE_URL", "sqlite:other.db?mode=rwc");
    assert_eq!(program.run(&["status"]).success().json()["backend"], "sqlite");
    std::fs::write(program.directory().join(".env"), format!("DATABASE_URL='{CANARY}\nx")).unwrap();
    let error = program.run(&["status"]).code(2).error();
    assert!(error.contains(".env"), "{error}");
}

#[test]
fn p10_a_running_process_shows_no_secret() {
    let database = Database::migrated(Engine::Postgres);
    let server = Program::on(&database).env("PGPASSWORD", CANARY).serve().ready();
    let id = server.running.id();
    for file in ["cmdline", "comm"] {
        assert_no_secret(&std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap());
    }
    let shown = database.query("SELECT application_name || query FROM pg_stat_activity");
    assert!(shown.iter().any(|text| text.starts_with("authsvc")));
    shown.iter().for_each(|text| assert_no_secret(text));
    let outcome = server.stop().success();
    assert!(outcome.stderr.contains(":****@"), "the log names its database: {}", outcome.stderr);
}

/// A certificate for `localhost`, signed by an authority of its own, as the server may read it.
fn certificates() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=ca &&
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost &&
        echo subjectAltName=DNS:localhost > names &&
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt -extfile names &&
        chmod 600 server.key && if [ $(id -u) = 0 ]; then chmod 755 . && chown postgres server.*; fi";
    let output = std::process::Command::new("sh").args(["-ec", script]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    folder
}

#[test]
fn tls_is_checked_as_sslmode_says_and_its_failures_are_not_waited_for() {
    let files = certificates();
    let file = |name: &str| files.path().join(name).display().to_string();
    let (certificate, key) =
        (format!("ssl_cert_file={}", file("server.crt")), format!("ssl_key_file={}", file("server.key")));
    let cluster = Cluster::start(&["ssl=on", &certificate, &key]);
    let database = Database::on(&cluster, None);
    let program = |host: &str, query: &str| {
        let url = format!("{}?{query}", database.url.replace("127.0.0.1", host)).replace("CA", &file("ca.crt"));
        Program::new()
            .env("DATABASE_URL", &url)
            .env("AUTHSVC_LISTEN", "127.0.0.1:0")
            .env("AUTHSVC_ADMIN_LISTEN", "127.0.0.1:0")
    };
    program("127.0.0.1", "sslmode=require").run(&["migrate"]).success();
    program("127.0.0.1", "sslmode=verify-ca&sslrootcert=CA").run(&["status"]).success();
    program("localhost", "sslmode=verify-full&sslrootcert=CA").run(&["status"]).success();
    for (host, query, expected) in [
        ("localhost", "sslmode=verify-full", "UnknownIssuer"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=CA", "not valid for name"),
        ("localhost", "sslmode=verify-ca&sslrootcert=/nowhere", "/nowhere"),
    ] {
        for command in ["status", "serve"] {
            let code = if expected == "/nowhere" { 2 } else { 1 };
            let error = program(host, query).run(&[command]).code(code).error();
            assert!(error.contains(expected) && error.contains("sslrootcert"), "{error}");
        }
    }
}

#[test]
fn the_urls_of_the_issue() {
    let database = Database::empty(Engine::Postgres);
    let long = format!("postgre://app:{CANARY_ENCODED}@h/d");
    for (url, code, expected) in [
        ("mysql://app:cAn4ry@h/d", 2, "postgres://USER:PASSWORD@HOST:5432/DATABASE"),
        (long.as_str(), 2, "did you mean `postgres:`"),
        ("sqlite:missing.db", 1, "mode=rwc"),
        (&database.url.replace("cAn4ry", "cAn4ryWrong"), 1, "check user and password"),
    ] {
        for command in ["migrate", "status", "serve"] {
            let program = Program::new()
                .env("DATABASE_URL", url)
                .env("AUTHSVC_LISTEN", "127.0.0.1:0")
                .env("AUTHSVC_ADMIN_LISTEN", "127.0.0.1:0");
            let error = program.run(&[command]).code(code).error();
            assert!(error.contains(expected), "{command}: {error}");
            assert_eq!(std::fs::read_dir(program.directory()).unwrap().count(), 0, "a file was created");
        }
    }
}

proptest! {
    #[test]
    fn any_password_survives_percent_encoding(word in "\\PC{1,40}") {
        let encoded: String = word.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let target = postgres(&format!("postgres://u:{encoded}@h/d")).unwrap();
        prop_assert_eq!(password(&target), Some(word.as_str()));
    }

    #[test]
    fn any_text_is_parsed_or_refused_without_its_password(word in "[!-~]{8,30}") {
        let url = format!("postgres://user:{word}@host/database");
        let config = Config::from_variables(&Variables::from([("DATABASE_URL", url.as_str())]));
        let shown = match &config {
            Ok(config) => format!("{config:?} {}", config.database_url),
            Err(error) => format!("{error:?} {error} {}", error.hint()),
        };
        prop_assert!(!shown.contains(&word), "{}", shown);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = config([("DATABASE_URL", text.as_str())]);
        let _ = config([("DATABASE_URL", format!("postgres://{text}").as_str())]);
        let _ = config([("DATABASE_URL", format!("sqlite:{text}").as_str())]);
    }
}

#[test]
fn durations_that_would_mean_something_else_are_refused() {
    for (variable, value) in [
        ("AUTHSVC_LOCK_TIMEOUT", "100us"),
        ("AUTHSVC_LOCK_TIMEOUT", "30d"),
        ("AUTHSVC_LOCK_TIMEOUT", "0s"),
        ("AUTHSVC_AUTH_EVENTS_RETENTION", "23h"),
        ("AUTHSVC_MAINTENANCE_RUNS_RETENTION", "36501d"),
    ] {
        let error = Program::new().env(variable, value).run(&["migrate"]).code(2).error();
        assert!(error.contains(variable) && error.contains(value), "{error}");
    }
    let events = |text: &str| {
        let variables = Variables::from([("AUTHSVC_AUTH_EVENTS_RETENTION", text)]);
        Config::from_variables(&variables).unwrap().kept.auth_events
    };
    assert_eq!((events("24h"), events("36h"), events("90d")), (1, 2, 90));
}
