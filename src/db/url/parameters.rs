//! Table of every known parameter of a PostgreSQL URL, and its effect. `docs/CONFIGURATION.md` contains this table too,
//! and a test compares the two. To add a parameter, add a row here, its use in `postgres.rs`, and a row in the
//! document.

/// Parameter of a PostgreSQL URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UrlParameter {
    /// Name of the parameter, as libpq or another program writes it.
    pub name: &'static str,
    /// Environment variable that is used if the URL does not contain the parameter.
    pub variable: Option<&'static str>,
    /// Effect of the parameter, as the document states it. It is also the hint if a value is refused.
    pub effect: &'static str,
    pub(super) kind: ParameterKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterKind {
    /// The parameter is used.
    Applied,
    /// The parameter has no effect. Only these values are accepted, in any case.
    Only(&'static [&'static str]),
    /// The parameter has no effect. A warning names it.
    Ignored,
    /// The parameter causes an error, because ignoring it would be less secure or would surprise the user.
    Refused,
}

use ParameterKind::{Applied, Ignored, Only, Refused};

const fn row(name: &'static str, variable: &'static str, kind: ParameterKind, effect: &'static str) -> UrlParameter {
    let variable = if variable.is_empty() { None } else { Some(variable) };
    UrlParameter { name, variable, effect, kind }
}

/// All known parameters: first libpq's, then those of other programs.
pub const PARAMETERS: &[UrlParameter] = &[
    row("host", "PGHOST", Applied, "host name, address, or directory of a unix socket; several with commas between"),
    row(
        "hostaddr",
        "PGHOSTADDR",
        Applied,
        "address to connect to without a name look-up; the certificate is still compared with `host`",
    ),
    row("port", "PGPORT", Applied, "TCP port from 1 to 65535, default 5432; one for all hosts, or one for each"),
    row("dbname", "PGDATABASE", Applied, "database; default: the user's name"),
    row("user", "PGUSER", Applied, "role; default: the operating system's user (`USER`, then `LOGNAME`)"),
    row("password", "PGPASSWORD", Applied, "password; `PGPASSWORD_FILE` names a file that contains it"),
    row(
        "passfile",
        "PGPASSFILE",
        Applied,
        "password file, default `~/.pgpass`; read when no password is given; a file that others can read is skipped with a warning",
    ),
    row(
        "service",
        "PGSERVICE",
        Applied,
        "section of the service file; its parameters supply what the URL does not contain",
    ),
    row(
        "servicefile",
        "PGSERVICEFILE",
        Applied,
        "service file, default `~/.pg_service.conf`, then `pg_service.conf` in `PGSYSCONFDIR`",
    ),
    row(
        "connect_timeout",
        "PGCONNECT_TIMEOUT",
        Applied,
        "seconds for one attempt to connect to one host, default 10; 0 is no limit",
    ),
    row("application_name", "PGAPPNAME", Applied, "name in `pg_stat_activity`, default `authsvc`"),
    row("fallback_application_name", "", Applied, "name in `pg_stat_activity` where `application_name` is not given"),
    row(
        "target_session_attrs",
        "PGTARGETSESSIONATTRS",
        Applied,
        "`any`, `read-write`, `read-only`, `primary`, `standby` or `prefer-standby`",
    ),
    row(
        "load_balance_hosts",
        "PGLOADBALANCEHOSTS",
        Applied,
        "`disable` tries the hosts in order, `random` in random order",
    ),
    row(
        "options",
        "PGOPTIONS",
        Applied,
        "settings of the session, `-c name=value` or `--name=value`; only the settings listed below. Settings that this program pins have priority. `endpoint=` and `project=` (Neon) are ignored with a warning: the host name contains them",
    ),
    row(
        "sslmode",
        "PGSSLMODE",
        Applied,
        "`disable`, `allow`, `prefer` (default), `require`, `verify-ca` or `verify-full`",
    ),
    row(
        "sslrootcert",
        "PGSSLROOTCERT",
        Applied,
        "PEM file of the certificate authorities, or `system`; default `~/.postgresql/root.crt` if it exists, then the system's. With a file, `require` is `verify-ca`. With `system`, only `verify-full` is accepted, and is the default",
    ),
    row(
        "sslcert",
        "PGSSLCERT",
        Applied,
        "PEM file of the client's certificate, default `~/.postgresql/postgresql.crt` if it exists; needs a key",
    ),
    row(
        "sslkey",
        "PGSSLKEY",
        Applied,
        "PEM file of the client's key, not encrypted; default `~/.postgresql/postgresql.key`",
    ),
    row(
        "sslcertmode",
        "PGSSLCERTMODE",
        Applied,
        "`allow` (default) sends the client's certificate if the server asks, `disable` never; `require` is refused",
    ),
    row(
        "sslnegotiation",
        "PGSSLNEGOTIATION",
        Applied,
        "`postgres` (default) or `direct` (PostgreSQL 17 and newer; needs `sslmode=require` or stronger)",
    ),
    row("sslsni", "PGSSLSNI", Applied, "`1` (default) names the host to the server in the TLS handshake, `0` does not"),
    row(
        "ssl_min_protocol_version",
        "PGSSLMINPROTOCOLVERSION",
        Applied,
        "`TLSv1.2` (default) or `TLSv1.3`; older versions are never used",
    ),
    row("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Applied, "`TLSv1.2` or `TLSv1.3`"),
    row(
        "channel_binding",
        "PGCHANNELBINDING",
        Applied,
        "`disable` and `prefer` change nothing; `require` is honoured as `sslmode=verify-full`, which protects against the same attack",
    ),
    row(
        "keepalives",
        "",
        Applied,
        "`1`: TCP keepalives with the three values below, `0`: none. Without any of the four the system's default is used",
    ),
    row(
        "keepalives_idle",
        "",
        Applied,
        "seconds without traffic before the first keepalive; 0 is the system's default",
    ),
    row("keepalives_interval", "", Applied, "seconds between keepalives; 0 is the system's default"),
    row(
        "keepalives_count",
        "",
        Applied,
        "lost keepalives before the connection counts as dead; 0 is the system's default",
    ),
    row(
        "tcp_user_timeout",
        "",
        Applied,
        "milliseconds that sent data may remain unacknowledged; 0 is the system's default",
    ),
    row(
        "prepared_statements",
        "",
        Applied,
        "`false`: no statement is prepared under a name, for poolers that cannot keep it; `true` is the default",
    ),
    row(
        "gssencmode",
        "PGGSSENCMODE",
        Only(&["disable", "prefer"]),
        "`disable` and `prefer` are accepted; GSS encryption is never used, so `require` is refused",
    ),
    row("sslcompression", "PGSSLCOMPRESSION", Only(&["0", "1"]), "accepted; TLS compression is never used"),
    row(
        "client_encoding",
        "PGCLIENTENCODING",
        Only(&["utf8", "utf-8", "unicode", "auto"]),
        "`utf8` and `auto` are accepted; UTF-8 is always used",
    ),
    row("replication", "", Only(&["false", "off", "no", "0"]), "only `false` is accepted"),
    row(
        "min_protocol_version",
        "PGMINPROTOCOLVERSION",
        Only(&["3.0"]),
        "only `3.0` is accepted; it is the protocol that is spoken",
    ),
    row(
        "max_protocol_version",
        "PGMAXPROTOCOLVERSION",
        Only(&["3.0", "3.2", "latest"]),
        "accepted; protocol 3.0 is spoken",
    ),
    row("krbsrvname", "PGKRBSRVNAME", Ignored, "ignored with a warning: GSS is not used"),
    row("gsslib", "PGGSSLIB", Ignored, "ignored with a warning: GSS is not used"),
    row("gssdelegation", "PGGSSDELEGATION", Ignored, "ignored with a warning: GSS is not used"),
    row(
        "requirepeer",
        "PGREQUIREPEER",
        Refused,
        "refused: this program cannot check the server's user; protect the socket's directory instead",
    ),
    row(
        "require_auth",
        "PGREQUIREAUTH",
        Refused,
        "refused: this program cannot enforce it; use sslmode=verify-full, which keeps the password from other servers",
    ),
    row("sslcrl", "PGSSLCRL", Refused, "refused: revocation lists are not read"),
    row("sslcrldir", "PGSSLCRLDIR", Refused, "refused: revocation lists are not read"),
    row(
        "sslpassword",
        "",
        Refused,
        "refused: decrypt the key once with `openssl pkey -in KEY -out NEW_KEY` and name the new file in sslkey",
    ),
    row("sslkeylogfile", "", Refused, "refused: it writes the keys of the session into a file"),
    row("scram_client_key", "", Refused, "refused: give the password"),
    row("scram_server_key", "", Refused, "refused: give the password"),
    row(
        "oauth_issuer",
        "",
        Refused,
        "refused: OAuth logins to the database are not supported; give a password or a certificate",
    ),
    row(
        "oauth_client_id",
        "",
        Refused,
        "refused: OAuth logins to the database are not supported; give a password or a certificate",
    ),
    row(
        "oauth_client_secret",
        "",
        Refused,
        "refused: OAuth logins to the database are not supported; give a password or a certificate",
    ),
    row(
        "oauth_scope",
        "",
        Refused,
        "refused: OAuth logins to the database are not supported; give a password or a certificate",
    ),
    row("ssl", "", Applied, "`true` is `sslmode=require`, as in libpq; any other value is refused: write sslmode"),
    row("ssl-mode", "", Applied, "another spelling of `sslmode`"),
    row(
        "pgbouncer",
        "",
        Ignored,
        "ignored with a warning (Prisma): behind a PgBouncer before 1.21 write prepared_statements=false",
    ),
    row("supa", "", Ignored, "ignored with a warning (Supabase)"),
    row("schema", "", Ignored, "ignored with a warning (Prisma): write options=-csearch_path%3DSCHEMA"),
    row("currentSchema", "", Ignored, "ignored with a warning (JDBC): write options=-csearch_path%3DSCHEMA"),
    row("connection_limit", "", Ignored, "ignored with a warning (Prisma): set AUTHSVC_DATABASE_MAX_CONNECTIONS"),
    row("pool_timeout", "", Ignored, "ignored with a warning (Prisma): set connect_timeout"),
    row("pool", "", Ignored, "ignored with a warning (Rails): set AUTHSVC_DATABASE_MAX_CONNECTIONS"),
    row("pool_size", "", Ignored, "ignored with a warning: set AUTHSVC_DATABASE_MAX_CONNECTIONS"),
    row("poolSize", "", Ignored, "ignored with a warning: set AUTHSVC_DATABASE_MAX_CONNECTIONS"),
    row("pool_mode", "", Ignored, "ignored with a warning: the pooler decides"),
    row("max", "", Ignored, "ignored with a warning (Node.js): set AUTHSVC_DATABASE_MAX_CONNECTIONS"),
    row("maxsize", "", Ignored, "ignored with a warning: set AUTHSVC_DATABASE_MAX_CONNECTIONS"),
    row("pool_max_conns", "", Ignored, "ignored with a warning (pgx): set AUTHSVC_DATABASE_MAX_CONNECTIONS"),
    row("pool_min_conns", "", Ignored, "ignored with a warning (pgx)"),
    row("pool_max_conn_lifetime", "", Ignored, "ignored with a warning (pgx)"),
    row("pool_max_conn_idle_time", "", Ignored, "ignored with a warning (pgx)"),
    row("pool_health_check_period", "", Ignored, "ignored with a warning (pgx)"),
    row(
        "default_query_exec_mode",
        "",
        Ignored,
        "ignored with a warning (pgx): write prepared_statements=false where a pooler needs it",
    ),
    row(
        "statement_cache_size",
        "",
        Ignored,
        "ignored with a warning (Prisma, asyncpg): write prepared_statements=false where a pooler needs it",
    ),
    row(
        "prepared_statement_cache_size",
        "",
        Ignored,
        "ignored with a warning (SQLAlchemy): write prepared_statements=false where a pooler needs it",
    ),
    row(
        "statement_cache_capacity",
        "",
        Ignored,
        "ignored with a warning (pgx): write prepared_statements=false where a pooler needs it",
    ),
    row(
        "statement-cache-capacity",
        "",
        Ignored,
        "ignored with a warning (sqlx): write prepared_statements=false where a pooler needs it",
    ),
    row(
        "prepareThreshold",
        "",
        Ignored,
        "ignored with a warning (JDBC): write prepared_statements=false where a pooler needs it",
    ),
    row(
        "binary_parameters",
        "",
        Ignored,
        "ignored with a warning (lib/pq): write prepared_statements=false where a pooler needs it",
    ),
    row("reWriteBatchedInserts", "", Ignored, "ignored with a warning (JDBC)"),
    row(
        "sslaccept",
        "",
        Ignored,
        "ignored with a warning (Prisma): write sslmode=verify-full to check the certificate",
    ),
    row("uselibpqcompat", "", Ignored, "ignored with a warning (Node.js): sslmode has libpq's meaning here"),
    row("socket_timeout", "", Ignored, "ignored with a warning (Prisma): set AUTHSVC_REQUEST_TIMEOUT"),
    row("idle_timeout", "", Ignored, "ignored with a warning"),
    row("idleTimeoutMillis", "", Ignored, "ignored with a warning (Node.js)"),
    row("conn_max_age", "", Ignored, "ignored with a warning (Django)"),
    row("max_idle_connection_lifetime", "", Ignored, "ignored with a warning (Prisma)"),
    row("max_connection_lifetime", "", Ignored, "ignored with a warning (Prisma)"),
    row("single_use_connections", "", Ignored, "ignored with a warning (Prisma)"),
    row("checkout_timeout", "", Ignored, "ignored with a warning (Rails): set connect_timeout"),
    row("encoding", "", Ignored, "ignored with a warning (Rails): UTF-8 is always used"),
    row("async_fallback", "", Ignored, "ignored with a warning (SQLAlchemy)"),
    row("serverVersion", "", Ignored, "ignored with a warning (Doctrine)"),
    row("charset", "", Ignored, "ignored with a warning (Doctrine): UTF-8 is always used"),
];

/// Returns the parameter with this name.
pub(super) fn known(name: &str) -> Option<&'static UrlParameter> {
    PARAMETERS.iter().find(|known| known.name == name)
}

/// Returns the known name that is most similar to an unknown one, if it is similar enough.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &lower);
    let names = PARAMETERS.iter().filter(|known| known.kind == Applied).map(|known| known.name);
    names.min_by_key(|known| distance(known)).filter(|known| distance(known) <= 1 + name.len() / 3)
}
