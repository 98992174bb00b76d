//! An example of each error, as an operator or a client meets it.

use std::io;
use std::time::Duration;

use authsvc::auth::oauth::ProviderFailure;
use authsvc::auth::{oauth, vault};
use authsvc::cli::UsageError;
use authsvc::config::Environment;
use authsvc::db::Error as DbError;
use authsvc::maintain::CleanupError;
use authsvc::migrate::{CatalogueChange, Difference, FailureScope};
use authsvc::{CostBound, UnusableHash, auth, backup, cli, migrate, seed};
use entity::value::Provider;

/// Error with its hint, as the program shows them.
pub(super) struct Example {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Example {
    fn new(error: impl ToString, hint: Option<impl ToString>) -> Self {
        let message = error.to_string().lines().next().unwrap().to_owned();
        Self { message, hint: hint.map(|hint| hint.to_string()) }
    }
}

/// Lists examples of an error. A variant without one does not compile, unless it only passes on the message of another
/// error: such variants are the wrappers. A variant can have several examples, because its hint depends on its fields.
macro_rules! examples {
    ($error:ty, wrappers [$($wrapper:ident)*], $($variant:ident $({ $($fields:tt)* })+)+) => {{
        type Of = $error;
        let _: fn(&Of) = |error| match error {
            $(Of::$wrapper { .. } => (),)*
            $(Of::$variant { .. } => (),)+
        };
        [$($(Of::$variant { $($fields)* },)+)+]
    }};
}

/// Errors of all commands.
pub(super) fn of_commands() -> Vec<Example> {
    let mut all = Vec::new();
    all.extend(migrations().into_iter().map(|error| Example::new(&error, error.hint())));
    all.extend(backups().into_iter().map(|error| Example::new(&error, error.hint())));
    all.extend(hashes());
    all.extend(cleanup_seed_and_usage());
    all
}

fn denied() -> Box<DbError> {
    Box::new(DbError::of_code("42501", "permission denied for schema public"))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn difference(object: &str, change: CatalogueChange) -> Vec<Difference> {
    vec![Difference { object: object.to_owned(), change }]
}

fn failed_sql(scope: FailureScope, source: Box<DbError>) -> migrate::Error {
    let excerpt = "ALTER TABLE users".to_owned();
    migrate::Error::Sql { file: "migration/postgres/010_sign_in.sql", line: 12, excerpt, scope, source }
}

fn migrations() -> Vec<migrate::Error> {
    let unknown_column = || Box::new(DbError::of_code("42P07", "relation \"known_devices\" already exists"));
    let mut all = vec![
        failed_sql(FailureScope::Migration, unknown_column()),
        failed_sql(FailureScope::Statement, unknown_column()),
        failed_sql(FailureScope::Migration, denied()),
    ];
    all.extend(examples!(migrate::Error, wrappers [Database Sql],
        ForeignKeys { file: "migration/sqlite/007_switch_tables.sql", table: "refresh_tokens".to_owned(), count: 3 }
        Newer { names: names(&["021_next"]) }
        Changed { names: names(&["002_add_indexes"]) }
        OutOfOrder { pending: "019_provisional_accounts".to_owned(), applied: "020_username_folding".to_owned() }
        Legacy {}
        Encoding { encoding: "LATIN1".to_owned() }
        Empty {}
        UnknownTables { tables: names(&["orders", "customers"]) }
        NothingToAdopt { found: "the database is empty" }
            { found: "the database has tables, but no table migration_records" }
        NotEqual {
            name: "004_enhanced_indexes",
            differences: difference("column users.email", CatalogueChange::Missing { expected: "text".to_owned() })
        }
        OtherOwners { role: "app".to_owned(), objects: names(&["table users of owner"]) }
        Drift {
            name: "020_username_folding".to_owned(),
            differences: difference("table users", CatalogueChange::Missing { expected: "table".to_owned() })
        }
        LockTimeout { what: "another program is changing the schema and held its lock", waited: Duration::from_secs(60) }
            { what: "another program writes to the SQLite file and held its lock", waited: Duration::from_secs(60) }
            { what: "a table that has to be changed remained locked", waited: Duration::from_secs(60) }
        NoSuchMigration { number: 99, known: "001, 002, 004 to 020".to_owned() }
        WrongDirection { asked: "010".to_owned(), relation: "below", applied: "020_username_folding".to_owned() }
            { asked: "020".to_owned(), relation: "above", applied: "010_sign_in".to_owned() }
        TooManySteps { asked: 99, applied: 19 }
        Irreversible { name: "014_email_folding" }
    ));
    all
}

fn backups() -> Vec<backup::Error> {
    let path = || "/var/backups/authsvc".into();
    let reasons = || names(&["users: 12 rows, and the metadata has 13"]);
    let files = backup::file_errors().chain([io::Error::from_raw_os_error(22)]);
    let mut all: Vec<_> = files.map(|source| backup::Error::File { path: path(), source }).collect();
    all.push(migrate::Error::Legacy.into());
    all.extend(examples!(backup::Error, wrappers [Database Schema File Load],
        Table { table: "users".to_owned(), source: DbError::of_code("42501", "permission denied for table users") }
            { table: "users".to_owned(), source: DbError::of_code("XX000", "unexpected data") }
        Sequence { sequence: "users_id_seq".to_owned() }
        SchemaChanged {}
        NotADirectory { path: path() }
        NotAFile { path: path(), kind: "a named pipe".to_owned() }
        DanglingLink { path: path() }
        OpenToOthers { path: path(), mode: 0o777 }
        NoAnswer { path: path(), patience: Duration::from_secs(2) }
        Invalid { reasons: reasons() }
        CostlyHashes { count: 1, rows: names(&["id 17 (bcrypt with cost 16, and at most 14 is accepted)"]) }
        Newer { message: "it has format 2, this program knows up to 1".to_owned() }
        Safety { 0: Box::new(backup::Error::NotADirectory { path: path() }) }
            { 0: Box::new(DbError::of_code("XX000", "unexpected data").into()) }
        LegacyInPlace {}
        Obstacles { obstacles: names(&["view report: drop it, and create it again after the restore"]) }
        Scratch { 0: DbError::of_code("42501", "permission denied to create database") }
        ScratchUnreachable { name: "authsvc_verify_5".to_owned(), why: "no such database: authsvc_verify_5 (08P01)".to_owned() }
        Unequal { table: "users".to_owned() }
        NotValid { reasons: reasons() }
    ));
    all
}

fn hashes() -> Vec<Example> {
    let bounds = examples!(CostBound, wrappers [],
        Bcrypt { 0: 16 }
        Work { memory: 1_048_576, passes: 2 }
        Lanes { 0: 255 }
    );
    let costly = bounds.map(UnusableHash::TooCostly);
    let others = examples!(UnusableHash, wrappers[TooCostly], Unreadable {});
    costly.into_iter().chain(others).map(|error| Example::new(error, None::<String>)).collect()
}

fn cleanup_seed_and_usage() -> Vec<Example> {
    let mut all = Vec::new();
    let cleanup = examples!(CleanupError, wrappers [Database Backups Schema], Busy {} Empty {} Pending { pending: 2 });
    all.extend(cleanup.map(|error| Example::new(&error, error.hint())));
    let seed = examples!(seed::Error, wrappers [Migrate Database],
        Data { file: "users.json", message: "expected value at line 1 column 1".to_owned() }
        OtherAccounts { count: 3 }
    );
    all.extend(seed.map(|error| Example::new(&error, error.hint())));
    let usage = examples!(UsageError, wrappers [],
        NoTerminal {}
        NotConfirmed {}
        FileExists { 0: "today.sql.gz".into() }
        StdoutTwice {}
        SeedEnvironment { 0: Environment::Production }
        SeedSchema { 0: "sqlite:authsvc.db".to_owned() }
        NoSteps {}
        QuickCheckOnPostgres {}
    );
    all.extend(usage.map(|error| Example::new(&error, Some(error.hint()))));
    let service = |message: &str| cli::Error::Service {
        url: "http://127.0.0.1:9090/health".to_owned(),
        message: message.to_owned(),
    };
    let others = [
        service("no answer within 5s"),
        service("the response is not from authsvc"),
        service("it does not answer in JSON (status 404)"),
    ];
    let own = examples!(cli::Error, wrappers [Config Migrate Seed Database Backup Cleanup Usage Oauth Io Service],
        Interrupted { signal: "SIGTERM", left: "nothing was left" }
            { signal: "a signal", left: "the rows removed so far are not restored" }
        Stdout { 0: io::Error::from_raw_os_error(28) }
    );
    all.extend(others.into_iter().chain(own).map(|error| Example::new(&error, error.hint())));
    all
}

/// Errors of the API and of the log.
pub(super) fn of_service() -> Vec<Example> {
    let requests = examples!(auth::Error, wrappers [Oauth Vault Database Internal],
        Invalid { 0: Vec::new() }
        Taken { 0: Vec::new() }
        Credentials {}
        CurrentPassword {}
        Throttled { retry_after: Duration::ZERO }
        RefreshToken {}
        AccessToken { 0: "an access token is required" }
            { 0: "the access token is not valid" }
            { 0: "the access token has expired" }
            { 0: "the session has ended, the account is deleted or inactive, or the database was restored since the login" }
        VerificationToken {}
        VerificationProof {}
        NoSession {}
        NoPassword { provider: "google" }
        Inactive {}
        Busy {}
        QueueFull { retry_after: Duration::ZERO }
    );
    let mut all: Vec<_> = requests.iter().map(|error| Example::new(error, None::<String>)).collect();
    all.extend(logins().into_iter().map(|error| Example::new(&error, error.hint())));
    let tokens = examples!(vault::Error, wrappers [],
        UnknownKey { 0: "3f9a".to_owned() }
        Broken { 0: "3f9a".to_owned() }
        Seal { 0: io::Error::from_raw_os_error(38) }
    );
    all.extend(tokens.iter().map(|error| Example::new(error, error.hint())));
    let keys = examples!(vault::InvalidKeys, wrappers [],
        Missing {}
        NotBase64 { 0: 1 }
        Length { number: 1, bytes: 16 }
        Twice { 0: 2 }
    );
    all.extend(keys.iter().map(|error| Example::new(format!("AUTHSVC_ENCRYPTION_KEY: {error}"), Some(error.hint()))));
    all
}

fn logins() -> Vec<oauth::Error> {
    let failures = examples!(ProviderFailure, wrappers [],
        Insecure {}
        Unreachable { 0: "connection refused".to_owned() }
        Late {}
        Status { 0: 503 }
        TooLong {}
        Unreadable {}
        Refused { 0: "invalid_client".to_owned() }
    );
    let failed = |failure| oauth::Error::Provider { provider: Provider::Google, step: "discovery", failure };
    let mut all: Vec<_> = failures.into_iter().map(failed).collect();
    all.extend(examples!(oauth::Error, wrappers [Provider],
        NotConfigured { 0: Provider::Github }
        StateMissing {}
        StateMismatch {}
        StateExpired {}
        StateUsed {}
        Denied { 0: Provider::Google }
        CodeMissing {}
        CodeRefused { 0: Provider::Google }
        NoVerifiedEmail { 0: Provider::Github }
        IdToken { provider: Provider::Google, why: "it is signed with an unknown key" }
        Setup { 0: "no CA certificate is installed".to_owned() }
        Random { 0: io::Error::from_raw_os_error(38) }
    ));
    all
}
