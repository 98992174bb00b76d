//! Database access: the address ([`DatabaseUrl`]), connections ([`Connection`], [`Pool`]), errors ([`Error`]) and the
//! two engines ([`Backend`]).
//!
//! Code outside this module sends no SQL in the extended protocol until the schema is known to be current. Reading the
//! ledger, locking and migrating use simple queries, which work through a transaction-pooling PgBouncer. Requests use
//! [`QueryRunner`], which follows the database from one server to another.

mod account_claims;
mod account_lockouts;
mod accounts;
mod attempt_counters;
mod audit_log;
mod backend;
mod binary_copy;
mod bind_values;
mod canonical_sql;
mod certificate;
mod cleanup;
mod column;
mod connection;
mod connection_options;
mod connection_ways;
pub(crate) mod copy_text;
mod database_identity;
mod dialect;
mod email_verification;
mod error;
mod event_budget;
mod exclusive_lock;
mod failover_pool;
mod find_server;
mod hash_kinds;
mod health;
mod kept_connections;
mod known_devices;
mod leased_transaction;
mod lockout_counter;
mod login_throttles;
mod maintenance_run;
mod migration_script;
mod no_timeout_session;
mod pinned_settings;
mod pool;
mod pool_usage;
mod provider_identity;
mod provider_links;
mod provider_tokens;
mod provisional_accounts;
mod query_runner;
mod read_only;
mod registration;
mod request_context;
mod rotation;
mod server_role;
mod session_check;
mod sessions;
mod snapshot;
pub(crate) mod sqlite_literals;
mod sqlite_value;
mod staging;
mod stored_values;
mod tls;
mod tunnel;
mod unique_fields;
mod url;

pub(crate) use connection::{PartialRows, first_column};
pub(crate) use maintenance_run::FinishedRun;
pub(crate) use migration_script::MigrationScript;
pub(crate) use no_timeout_session::NoTimeoutSession;

pub use accounts::{AccountChange, AccountChangeOutcome, PasswordChangeOutcome};
pub use attempt_counters::{AttemptCounters, ClientSubjects, Lane, Lockouts, Reservation, ReserveOutcome};
pub use audit_log::FailedLogin;
pub use backend::Backend;
pub use canonical_sql::canonical;
pub use cleanup::{CleanupKind, RetentionDays};
pub use column::{Column, ColumnType};
pub use connection::{Connection, OpenSessions, Row};
pub use database_identity::{Epoch, FoundAccount, Principal};
pub use email_verification::VerificationProof;
pub use error::{DbErrorKind, Error};
pub use event_budget::EventBudget;
pub use exclusive_lock::ExclusiveLock;
pub use known_devices::{CookieValue, DeviceDigest, KNOWN_DAYS};
pub use lockout_counter::Lockout;
pub use pool::{Pool, PoolUse};
pub use pool_usage::PoolUsage;
pub use provider_identity::{ProviderIdentity, StoredTokens};
pub use provider_links::{LinkedAccount, NewLinkedAccount, RefusedProviderLogin};
pub use provisional_accounts::{Takeover, USES_UNTIL_HELD};
pub use query_runner::{QueryRunner, Transaction};
pub use registration::{NewAccount, RegistrationOutcome};
pub use request_context::{Client, RequestContext};
pub use rotation::Rotation;
pub use session_check::{AccountView, SessionClaim};
pub use sessions::{LogoutScope, NewRefreshToken, NewSession, SessionEnd};
pub use snapshot::{BLOCK_BYTES, RowSink, Snapshot, SnapshotRows, TableRowCount};
pub use sqlite_value::Value;
pub use staging::{
    LiveSchema, LoadBlock, LoadError, RowParser, SchemaObjects, SchemaOrigin, Staging, SwapReport, TableLoad, losses,
};
pub use unique_fields::TakenFields;
pub use url::{
    DatabaseTarget, DatabaseUrl, Defaults, Host, HostOrder, InvalidUrl, PARAMETERS, PostgresTarget, SESSION_SETTINGS,
    SessionAttrs, SocketSettings, SqliteMode, SqliteTarget, SslMode, SslNegotiation, TlsSettings, TlsVersion,
    UrlParameter,
};
