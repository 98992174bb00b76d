//! Tables of authsvc as SeaORM entities: one module per table, newtypes for values, finders that exclude soft-deleted
//! rows.
//!
//! `README.md` beside this crate lists the tables and finders, with an example. The SQL in `migration/` creates the
//! schema, never these types, and a test compares both. To add a table, write the migration first, then a module here,
//! then its name in [`TABLES`].

pub mod auth_event;
pub mod database_identity;
pub mod known_device;
pub mod login_throttle;
pub mod maintenance_run;
pub mod oauth_provider;
pub mod oauth_state;
pub mod refresh_token;
pub mod user;
pub mod value;

/// Names of all tables that the migrations create, parents before children.
pub const TABLES: [&str; 9] = [
    "users",
    "oauth_providers",
    "refresh_tokens",
    "auth_events",
    "maintenance_runs",
    "login_throttles",
    "oauth_states",
    "known_devices",
    "database_identity",
];

pub use auth_event::Entity as AuthEvent;
pub use database_identity::Entity as DatabaseIdentity;
pub use known_device::Entity as KnownDevice;
pub use login_throttle::Entity as LoginThrottle;
pub use maintenance_run::Entity as MaintenanceRun;
pub use oauth_provider::Entity as OauthProvider;
pub use oauth_state::Entity as OauthState;
pub use refresh_token::Entity as RefreshToken;
pub use user::Entity as User;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct ReadmeExamples;
