//! Database access: the address ([`DatabaseUrl`]), connections ([`Connection`], [`Pool`]), errors ([`Error`]) and the
//! two engines ([`Backend`]).
//!
//! Code outside this module sends no SQL in the extended protocol until the schema is known to be current. Reading the
//! ledger, locking and migrating use simple queries, which work through a transaction-pooling PgBouncer. Requests use
//! [`QueryRunner`], which follows the database from one server to another.

mod account_claims;
mod account_lockouts;
mod accounts;
mod attempts;
mod audit_log;
mod backend;
mod binary_copy;
mod bind_values;
mod canonical;
mod certificate;
mod cleanup;
mod column;
mod connection;
mod connection_options;
pub(crate) mod copy_text;
mod database_identity;
mod dialect;
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
mod links;
mod lockout_counter;
mod login_throttles;
mod maintenance_run;
mod migration_script;
mod no_timeout_session;
mod pinned;
mod pool;
mod pool_usage;
mod provider_identity;
mod provider_tokens;
mod provisional;
mod query_runner;
mod read_only;
mod registration;
mod request_context;
mod rotation;
mod routes;
mod session_check;
mod sessions;
mod snapshot;
pub(crate) mod sqlite_literals;
mod staging;
mod stored_values;
mod tls;
mod tunnel;
mod unique_fields;
mod url;
mod value;
mod verification;

pub(crate) use connection::{PartialRows, first_column};
pub(crate) use maintenance_run::FinishedRun;
pub(crate) use migration_script::MigrationScript;
pub(crate) use no_timeout_session::NoTimeoutSession;

pub use accounts::{AccountChange, AccountChangeOutcome, PasswordChangeOutcome};
pub use attempts::{AttemptCounters, ClientSubjects, Lane, Lockouts, Reservation, ReserveOutcome};
pub use audit_log::FailedLogin;
pub use backend::Backend;
pub use canonical::canonical;
pub use cleanup::{CleanupKind, RetentionDays};
pub use column::{Column, ColumnType};
pub use connection::{Connection, OpenSessions, Row};
pub use database_identity::{Epoch, FoundAccount, Principal};
pub use error::{DbErrorKind, Error};
pub use event_budget::EventBudget;
pub use exclusive_lock::ExclusiveLock;
pub use known_devices::{CookieValue, DeviceDigest, KNOWN_DAYS};
pub use links::{LinkedAccount, NewLinkedAccount, RefusedProviderLogin};
pub use lockout_counter::Lockout;
pub use pool::{Pool, PoolUse};
pub use pool_usage::PoolUsage;
pub use provider_identity::{ProviderIdentity, StoredTokens};
pub use provisional::{Takeover, USES_UNTIL_HELD};
pub use query_runner::{QueryRunner, Transaction};
pub use registration::{NewAccount, RegistrationOutcome};
pub use request_context::{Client, RequestContext};
pub use rotation::Rotation;
pub use session_check::{AccountView, SessionClaim};
pub use sessions::{LogoutScope, NewRefreshToken, NewSession, SessionEnd};
pub use snapshot::{BLOCK_BYTES, RowSink, Snapshot, SnapshotRows, TableRowCount};
pub use staging::{
    LiveSchema, LoadBlock, LoadError, RowParser, SchemaObjects, SchemaOrigin, Staging, SwapReport, TableLoad, losses,
};
pub use unique_fields::TakenFields;
pub use url::{
    DatabaseTarget, DatabaseUrl, Defaults, Host, HostOrder, InvalidUrl, PARAMETERS, PostgresTarget, SESSION_SETTINGS,
    SessionAttrs, SocketSettings, SqliteMode, SqliteTarget, SslMode, SslNegotiation, TlsSettings, TlsVersion,
    UrlParameter,
};
pub use value::Value;
pub use verification::VerificationProof;
