//! Connection strings as providers and other programs print them. Each works as pasted, or the error says what to
//! write.

use std::time::Duration;

use authsvc::config::{Config, Variables};
use authsvc::db::{DatabaseTarget, HostOrder, PARAMETERS, PostgresTarget, SESSION_SETTINGS, SslMode, SslNegotiation};

use crate::support::{CANARY, CANARY_ENCODED, Cluster, Database, Engine, Program};

fn config<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, String> {
    let result = Config::from_variables(&Variables::from(pairs));
    let debug = format!("{result:?}");
    assert!(!debug.contains("s3cret"), "{debug}");
    result.map_err(|error| format!("{error} | {}", error.hint()))
}

fn target(url: &str) -> Result<(PostgresTarget, Vec<String>), String> {
    let config = config([("DATABASE_URL", url), ("USER", "me")])?;
    let DatabaseTarget::Postgres(target) = config.database_url.target() else { panic!("{url}") };
    Ok((target.clone(), config.warnings))
}

/// URL, and what is read of it: host, user, mode of TLS, and a part of the warning.
const PROVIDERS: &[(&str, &str, &str, SslMode, &str)] = &[
    (
        "postgresql://neondb_owner:npg_s3cret@ep-cool-1-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
        "ep-cool-1-pooler.eu-central-1.aws.neon.tech",
        "neondb_owner",
        SslMode::VerifyFull,
        "",
    ),
    (
        "postgres://u:s3cret@ep-x.neon.tech/neondb?sslmode=require&options=endpoint%3Dep-x",
        "ep-x.neon.tech",
        "u",
        SslMode::Require,
        "the host name contains them",
    ),
    (
        "postgres://u:s3cret@ep-x.neon.tech/neondb?options=project%3Dep-x",
        "ep-x.neon.tech",
        "u",
        SslMode::Prefer,
        "the host name contains them",
    ),
    (
        "postgres://postgres.abcdef:s3cret@aws-0-eu.pooler.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x",
        "aws-0-eu.pooler.supabase.com",
        "postgres.abcdef",
        SslMode::Require,
        "supa",
    ),
    (
        "postgresql://postgres.abcdef:s3cret@aws-0-eu.pooler.supabase.com:6543/postgres?pgbouncer=true&connection_limit=1",
        "aws-0-eu.pooler.supabase.com",
        "postgres.abcdef",
        SslMode::Prefer,
        "pgbouncer",
    ),
    (
        "postgres://u123:p123s3cret@ec2-3-4-5-6.compute-1.amazonaws.com:5432/d8r8",
        "ec2-3-4-5-6.compute-1.amazonaws.com",
        "u123",
        SslMode::Prefer,
        "",
    ),
    (
        "postgresql://admin:s3cret@db.abc.eu-west-1.rds.amazonaws.com:5432/app?sslmode=require",
        "db.abc.eu-west-1.rds.amazonaws.com",
        "admin",
        SslMode::Require,
        "",
    ),
    (
        "postgres://user@server:s3cret@server.postgres.database.azure.com:5432/postgres?sslmode=require",
        "server.postgres.database.azure.com",
        "user@server",
        SslMode::Require,
        "",
    ),
    (
        "postgres://user%40server:s3cret@server.postgres.database.azure.com/postgres?sslmode=require",
        "server.postgres.database.azure.com",
        "user@server",
        SslMode::Require,
        "",
    ),
    (
        "postgres://u:s3cret@/app?host=/cloudsql/proj:region:inst",
        "/cloudsql/proj:region:inst",
        "u",
        SslMode::Prefer,
        "",
    ),
    (
        "postgresql://u:s3cret@%2Fcloudsql%2Fproj%3Aregion%3Ainst/app",
        "/cloudsql/proj:region:inst",
        "u",
        SslMode::Prefer,
        "",
    ),
    (
        "postgres://application:s3cret@p.abc.db.postgresbridge.com:5432/postgres",
        "p.abc.db.postgresbridge.com",
        "application",
        SslMode::Prefer,
        "",
    ),
    (
        "postgres://avnadmin:AVNS_s3cret@pg-x.aivencloud.com:12345/defaultdb?sslmode=require",
        "pg-x.aivencloud.com",
        "avnadmin",
        SslMode::Require,
        "",
    ),
    (
        "postgresql://doadmin:AVNS_s3cret@db-x.b.db.ondigitalocean.com:25060/defaultdb?sslmode=require",
        "db-x.b.db.ondigitalocean.com",
        "doadmin",
        SslMode::Require,
        "",
    ),
    (
        "postgresql://postgres:s3cret@roundhouse.proxy.rlwy.net:12345/railway",
        "roundhouse.proxy.rlwy.net",
        "postgres",
        SslMode::Prefer,
        "",
    ),
    ("postgresql://u:s3cret@dpg-abc-a/app", "dpg-abc-a", "u", SslMode::Prefer, ""),
    ("postgres://app:s3cret@app-db.flycast:5432/app?sslmode=disable", "app-db.flycast", "app", SslMode::Disable, ""),
    ("postgres://u:s3cret@h/d?ssl=true", "h", "u", SslMode::Require, ""),
    (
        "postgres://u:s3cret@h/d?schema=public&pool_timeout=10&sslaccept=accept_invalid_certs&statement_cache_size=0",
        "h",
        "u",
        SslMode::Prefer,
        "schema",
    ),
    (
        "postgres://u:s3cret@h/d?prepareThreshold=0&pool_max_conns=4&uselibpqcompat=true",
        "h",
        "u",
        SslMode::Prefer,
        "prepareThreshold",
    ),
    ("postgres://u:s3cret@h/d?sslrootcert=system", "h", "u", SslMode::VerifyFull, ""),
];

#[test]
fn strings_of_providers_work_as_pasted() {
    for &(url, host, user, mode, warnings) in PROVIDERS {
        let (target, told) = target(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!((target.hosts[0].name.as_str(), target.user.as_str(), target.ssl_mode), (host, user, mode), "{url}");
        assert_eq!(told.is_empty(), warnings.is_empty(), "{url}: {told:?}");
        assert!(told.join(" ").contains(warnings) && !told.join(" ").contains("s3cret"), "{url}: {told:?}");
    }
}

#[test]
fn what_is_refused_says_what_to_write() {
    for (url, expected) in [
        ("'postgres://u:s3cret@h/d'", "is in quotes"),
        ("\"postgres://u:s3cret@h/d\"", "is in quotes"),
        ("psql 'postgres://u:s3cret@h/d'", "what follows `psql`"),
        ("DATABASE_URL=postgres://u:s3cret@h/d", "what follows the `=`"),
        ("export DATABASE_URL=postgres://u:s3cret@h/d", "what follows the `=`"),
        ("jdbc:postgresql://h/d?user=u&password=s3cret", "without `jdbc:`"),
        ("postgresql+asyncpg://u:s3cret@h/d", "without the `+`"),
        ("sqlite+aiosqlite:///s3cret.db", "write sqlite:FILE"),
        ("host=h user=u password=s3cret dbname=d", "NAME=VALUE"),
        ("user=u host = h password='s3cret:x'", "NAME=VALUE"),
        ("Server=h;Host=h;Password=s3cret", ".NET"),
        ("postgres://u:s3cret@h/d?sslmode=no-verify", "write sslmode=require"),
        ("postgres://u:s3cret@h/d?ssl=no-verify", "write sslmode=require"),
        ("postgres://u:s3cret@h/d?sslmode=s3cret", "use one of disable, allow"),
        ("postgres://u:s3cret@h/d?sslmode=", "use one of disable, allow"),
        ("postgres://u:s3cret@h/d?sslmode=require&sslrootcert=system", "write sslmode=verify-full"),
        ("postgres://u:s3cret@h/d?sslmode=verify-ca", "name the file in sslrootcert"),
        ("postgres://u:s3cret@h/d?sslnegotiation=direct", "sslmode=require or stronger"),
        ("postgres://u:s3cret@h/d?sslnegotiation=s3cret", "use one of postgres, direct"),
        ("postgres://u:s3cret@h/d?gssencmode=require", "GSS encryption is never used"),
        ("postgres://u:s3cret@h/d?channel_binding=s3cret", "use one of disable, prefer, require"),
        ("postgres://u:s3cret@h/d?options=reference%3Dabc", "USER.REFERENCE"),
        (
            "postgres://u:s3cret@h/d?options=-c%20standard_conforming_strings%3Doff",
            "`standard_conforming_strings`, which may not",
        ),
        ("postgres://u:s3cret@h/d?options=-c%20session_replication_role%3Dreplica", "may not be given so"),
        ("postgres://u:s3cret@h/d?options=-c", "write -c NAME=VALUE"),
        ("postgres://u:s3cret@h/d?options=s3cret", "write -c NAME=VALUE"),
        ("postgres://u:s3cret@h/d?options=--cluster%3Ds3cret", "may not be given so"),
        ("postgres://u:s3cret@h/d?load_balance_hosts=s3cret", "use one of disable, random"),
        ("postgres://u:s3cret@h/d?keepalives=s3cret", "use 0 or 1"),
        ("postgres://u:s3cret@h/d?keepalives_idle=s3cret", "a whole number"),
        ("postgres://u:s3cret@h/d?tcp_user_timeout=-1", "a whole number"),
        ("postgres://u:s3cret@h/d?connect_timeout=s3cret", "0 is no limit"),
        (
            "postgres://u:s3cret@h/d?ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2",
            "exchange the two",
        ),
        ("postgres://u:s3cret@h/d?ssl_max_protocol_version=TLSv1.1", "use one of TLSv1.2"),
        ("postgres://u:s3cret@h/d?sslcertmode=require", "use one of allow, disable"),
        ("postgres://u:s3cret@h/d?require_auth=none", "cannot enforce it"),
        ("postgres://u:s3cret@h/d?sslpassword=s3cret", "openssl pkey"),
        ("postgres://u:s3cret@h/d?sslcrl=s3cret", "revocation lists"),
        ("postgres://u:s3cret@h/d?requirepeer=s3cret", "cannot check the server's user"),
        ("postgres://u:s3cret@h/d?replication=database", "only `false`"),
        ("postgres://u:s3cret@h/d?client_encoding=latin1", "UTF-8 is always used"),
        ("postgres://u:s3cret@h/d?hostaddr=s3cret", "write an address"),
        ("postgres://u:s3cret@a,b/d?hostaddr=10.0.0.1", "one address for each host"),
        ("postgres://u:s3cret@h/d?service=s3rv", "is not defined"),
        ("postgres://u:s3cret@h/d?sslmod=require", "did you mean `sslmode`?"),
        ("postgres://u:s3cret@h/d?conect_timeout=1", "did you mean `connect_timeout`?"),
        ("postgres://u:s3cret@h/d?user=s3cret%", "is not an escape"),
    ] {
        let error = config([("DATABASE_URL", url), ("USER", "me")]).map(|_| ()).unwrap_err();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{url}: {error}");
        assert!(error.contains("DATABASE_URL"), "{url}: {error}");
    }
}

#[test]
fn parameters_have_libpqs_meaning() {
    let of = |query: &str| target(&format!("postgres://u@h/d?{query}")).unwrap().0;
    assert_eq!(of("connect_timeout=3").connect_timeout, Duration::from_secs(3));
    assert!(of("connect_timeout=0").connect_timeout > Duration::from_secs(365 * 24 * 3600));
    assert_eq!(of("load_balance_hosts=random").order, HostOrder::Random);
    assert_eq!(of("hostaddr=10.0.0.1").hosts[0].address.unwrap().to_string(), "10.0.0.1");
    assert_eq!(of("sslnegotiation=direct&sslmode=require").tls.negotiation, SslNegotiation::Direct);
    let socket = of("keepalives_idle=7&keepalives_interval=0&keepalives_count=2&tcp_user_timeout=1500").socket;
    assert_eq!((socket.idle, socket.interval, socket.count), (Some(Duration::from_secs(7)), None, Some(2)));
    assert_eq!((socket.keepalives, socket.user_timeout), (true, Some(Duration::from_millis(1500))));
    assert!(!of("keepalives=0&keepalives_idle=7").socket.keepalives);
    let startup = of("options=-csearch_path%3Da%2Cb%20-c%20lock_timeout%3D5s%20--statement-timeout%3D1s%20-c%20app.tenant%3Da%5C%20b").startup;
    let startup: Vec<String> = startup.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(startup, ["search_path=a,b", "lock_timeout=5s", "statement_timeout=1s", "app.tenant=a b"]);
    assert_eq!(of("fallback_application_name=x").application_name, "x");
    assert_eq!(of("application_name=y&fallback_application_name=x").application_name, "y");
}

#[test]
fn a_session_gets_what_options_say() {
    let database = Database::empty(Engine::Postgres);
    database.execute("CREATE SCHEMA mine AUTHORIZATION app");
    for (query, variable) in [("?options=-csearch_path%3Dmine", ""), ("", "-c search_path=mine")] {
        let mut program = Program::new().env("DATABASE_URL", &format!("{}{query}", database.url));
        if !variable.is_empty() {
            program = program.env("PGOPTIONS", variable);
        }
        program.run(&["migrate"]).success();
        program.run(&["status", "--check"]).success();
    }
    assert_eq!(
        database.one("SELECT count(*)::text FROM pg_tables WHERE schemaname = 'mine' AND tablename = 'users'"),
        "1"
    );
    assert_eq!(database.one("SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn variables_of_libpq_reach_the_connection() {
    let database = Database::migrated(Engine::Postgres);
    let port = Cluster::shared().port.to_string();
    let program = Program::new()
        .env("DATABASE_URL", "postgres://")
        .env("PGHOST", "name.invalid")
        .env("PGHOSTADDR", "127.0.0.1")
        .env("PGPORT", &port)
        .env("PGUSER", "app")
        .env("PGDATABASE", &database.name())
        .env("PGPASSWORD", &format!("{CANARY}\n"))
        .env("PGAPPNAME", "ours")
        .env("PGCONNECT_TIMEOUT", "0")
        .env("PGGSSENCMODE", "prefer")
        .env("PGTARGETSESSIONATTRS", "read-write");
    program.run(&["status", "--check"]).success();
    let warned = Program::new().env("DATABASE_URL", &format!("{}?pgbouncer=true&schema=x", database.url));
    let outcome = warned.run(&["status", "--check"]).success();
    assert_eq!(outcome.stderr.matches("`pgbouncer` of the database URL: ignored").count(), 1, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("`schema` of the database URL: ignored") && !outcome.stderr.contains(CANARY_ENCODED)
    );
}

#[test]
fn the_document_has_every_parameter() {
    let document = include_str!("../../docs/CONFIGURATION.md");
    let table = document.split("| parameter | variable | what happens |").nth(1).unwrap().split("\n\n").next().unwrap();
    let found: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let rows: Vec<String> = PARAMETERS
        .iter()
        .map(|known| {
            let variable = known.variable.map_or(String::new(), |variable| format!("`{variable}`"));
            format!("| `{}` | {variable} | {} |", known.name, known.effect)
        })
        .collect();
    assert_eq!(found, rows);
    for name in SESSION_SETTINGS {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
    let names: std::collections::BTreeSet<_> = PARAMETERS.iter().map(|known| known.name).collect();
    assert_eq!(names.len(), PARAMETERS.len());
}
