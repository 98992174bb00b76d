//! Development data: inserts the embedded accounts of `seed/` into a database that is not production.
//!
//! Seeding refuses a database that holds any other account, because the password of the seed accounts is published. The
//! check runs in the seeding transaction, which blocks new accounts.
//!
//! Times in the files are relative to the moment of seeding. Rows that exist or conflict with a developer's rows are
//! kept, so seeding twice changes nothing. Seeding runs under the migration lock, so replicas that boot together seed
//! once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::value::{Email, PasswordHash, Provider, ProviderToken, TokenHash};
use entity::{oauth_provider, refresh_token, user};
use include_dir::{Dir, include_dir};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, Set};
use serde::{Deserialize, Serialize};

use crate::db::Pool;
use crate::migrate;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/seed");

/// Numbers of inserted rows. Rows that already existed are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SeedReport {
    /// Number of inserted accounts.
    pub users: u64,
    /// Number of inserted links to OAuth providers.
    pub oauth_providers: u64,
    /// Number of inserted sessions.
    pub refresh_tokens: u64,
}

/// Reason why seeding failed. Nothing was inserted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Waiting for the migration lock timed out.
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    /// The database refused a statement.
    #[error(transparent)]
    Database(#[from] crate::db::Error),
    /// The embedded data is wrong, which is a bug of this program.
    #[error("seed/{file}: {message}")]
    Data {
        /// File name in `seed/`.
        file: &'static str,
        /// Description of the problem.
        message: String,
    },
    /// The database holds other accounts.
    #[error("the database holds {count} accounts that are not of the development data")]
    OtherAccounts {
        /// Number of other accounts.
        count: usize,
    },
}

impl Error {
    /// Hint for the operator: how to solve the problem.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Migrate(error) => error.hint(),
            Self::Database(error) => error.hint(),
            Self::OtherAccounts { .. } => {
                Some("seed an empty database: the password of these accounts is published".to_owned())
            }
            Self::Data { .. } => None,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Database(error.into())
    }
}

/// Email addresses of the accounts in `seed/`. Empty if the data is wrong, which a test would find.
pub fn addresses() -> Vec<String> {
    read::<SeedUser>(USERS).unwrap_or_default().into_iter().map(|user| user.email).collect()
}

const USERS: &str = "users.json";
const LINKS: &str = "oauth_providers.json";
const TOKENS: &str = "refresh_tokens.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedUser {
    email: String,
    username: String,
    provider: Provider,
    provider_id: Option<String>,
    #[serde(default)]
    password_hash: String,
    avatar_url: Option<String>,
    email_verified: bool,
    active: bool,
    #[serde(default)]
    failed_login_count: i32,
    locked_until: Option<Relative>,
    created: Relative,
    last_login: Option<Relative>,
    deleted: Option<Relative>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedLink {
    user: String,
    provider: Provider,
    provider_id: String,
    access_token: String,
    refresh_token: Option<String>,
    expires: Relative,
    created: Relative,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedToken {
    user: String,
    token_hash: String,
    created: Relative,
    expires: Relative,
    revoked: Option<Relative>,
}

/// Time relative to the moment of seeding, for example `-5m` or `+7d`.
#[derive(Deserialize, Clone, Copy)]
#[serde(try_from = "String")]
struct Relative {
    duration: Duration,
    past: bool,
}

impl TryFrom<String> for Relative {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let past = text.starts_with('-');
        let digits = text.strip_prefix(['-', '+']).ok_or_else(|| format!("`{text}` has no sign"))?;
        let duration = humantime::parse_duration(digits).map_err(|error| format!("`{text}`: {error}"))?;
        Ok(Self { duration, past })
    }
}

impl Relative {
    fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.past { now - self.duration } else { now + self.duration }
    }
}

/// Inserts the development data into a migrated database, in one transaction. The caller decides whether that is
/// allowed.
///
/// # Errors
/// Returns an error if waiting for the lock times out, the database holds other accounts, or the database refuses a
/// statement.
pub async fn seed(pool: &Pool, now: DateTime<Utc>, patience: Duration) -> Result<SeedReport, Error> {
    let (users, links, tokens) = (read(USERS)?, read(LINKS)?, read(TOKENS)?);
    let lock_accounts = pool.backend().lock_accounts();
    migrate::with_lock(pool, patience, async |transaction| {
        transaction.execute_unprepared(lock_accounts).await?;
        let inserted = insert_users(transaction, users, now).await?;
        let ids = user_ids(transaction).await?;
        Ok(SeedReport {
            users: inserted,
            oauth_providers: insert_links(transaction, links, &ids, now).await?,
            refresh_tokens: insert_tokens(transaction, tokens, &ids, now).await?,
        })
    })
    .await
}

fn read<T: for<'de> Deserialize<'de>>(file: &'static str) -> Result<Vec<T>, Error> {
    let text = FILES.get_file(file).and_then(include_dir::File::contents_utf8).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| Error::Data { file, message: error.to_string() })
}

async fn insert_users(
    transaction: &DatabaseTransaction,
    seeds: Vec<SeedUser>,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let existing = user::Entity::find().all(transaction).await?;
    let ours: HashSet<String> = seeds.iter().map(|seed| seed.email.to_ascii_lowercase()).collect();
    let count = existing.iter().filter(|user| !ours.contains(&user.email.folded())).count();
    if count > 0 {
        return Err(Error::OtherAccounts { count });
    }
    let emails: HashSet<String> = existing.iter().map(|user| user.email.folded()).collect();
    let names: HashSet<String> = existing.into_iter().map(|user| user.username).collect();
    let mut models = Vec::new();
    for seed in seeds {
        let email = Email::parse(&seed.email)
            .map_err(|error| Error::Data { file: USERS, message: format!("`{}` is {error}", seed.email) })?;
        if !emails.contains(&email.folded()) && !names.contains(&seed.username) {
            models.push(seed.into_model(email, now));
        }
    }
    insert(transaction, models).await
}

impl SeedUser {
    fn into_model(self, email: Email, now: DateTime<Utc>) -> user::ActiveModel {
        let at = |relative: Option<Relative>| relative.map(|relative| relative.at(now));
        user::ActiveModel {
            email: Set(email),
            username: Set(self.username),
            password_hash: Set(PasswordHash::new(self.password_hash)),
            avatar_url: Set(self.avatar_url),
            provider: Set(self.provider),
            provider_id: Set(self.provider_id),
            last_login: Set(at(self.last_login)),
            email_verified: Set(self.email_verified),
            active: Set(self.active),
            failed_login_count: Set(self.failed_login_count),
            locked_until: Set(at(self.locked_until)),
            created_at: Set(self.created.at(now)),
            updated_at: Set(now),
            deleted_at: Set(at(self.deleted)),
            ..Default::default()
        }
    }
}

/// Account ids by folded email address. Soft-deleted accounts are included, because the data has tokens for them.
async fn user_ids(transaction: &DatabaseTransaction) -> Result<HashMap<String, i64>, Error> {
    let users = user::Entity::find().all(transaction).await?;
    Ok(users.into_iter().map(|user| (user.email.folded(), user.id)).collect())
}

async fn insert_links(
    transaction: &DatabaseTransaction,
    seeds: Vec<SeedLink>,
    ids: &HashMap<String, i64>,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let existing = oauth_provider::Entity::find().all(transaction).await?;
    let existing: HashSet<_> = existing.into_iter().map(|link| (link.provider, link.provider_id)).collect();
    let models = seeds.into_iter().filter_map(|seed| {
        let user_id = *ids.get(&seed.user)?;
        (!existing.contains(&(seed.provider, seed.provider_id.clone()))).then(|| oauth_provider::ActiveModel {
            user_id: Set(user_id),
            provider: Set(seed.provider),
            provider_id: Set(seed.provider_id),
            access_token: Set(Some(ProviderToken::new(seed.access_token))),
            refresh_token: Set(seed.refresh_token.map(ProviderToken::new)),
            expires_at: Set(Some(seed.expires.at(now))),
            created_at: Set(seed.created.at(now)),
            updated_at: Set(now),
            ..Default::default()
        })
    });
    insert(transaction, models.collect()).await
}

async fn insert_tokens(
    transaction: &DatabaseTransaction,
    seeds: Vec<SeedToken>,
    ids: &HashMap<String, i64>,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let existing = refresh_token::Entity::find().all(transaction).await?;
    let existing: HashSet<_> = existing.into_iter().map(|token| token.token_hash).collect();
    let models = seeds.into_iter().filter_map(|seed| {
        let user_id = *ids.get(&seed.user)?;
        let token_hash = TokenHash::new(seed.token_hash);
        (!existing.contains(&token_hash)).then(|| refresh_token::ActiveModel {
            user_id: Set(user_id),
            token_hash: Set(token_hash),
            expires_at: Set(seed.expires.at(now)),
            created_at: Set(seed.created.at(now)),
            revoked: Set(seed.revoked.is_some()),
            revoked_at: Set(seed.revoked.map(|revoked| revoked.at(now))),
            ..Default::default()
        })
    });
    insert(transaction, models.collect()).await
}

/// Inserts the rows that do not conflict and returns their number.
async fn insert<A>(transaction: &DatabaseTransaction, models: Vec<A>) -> Result<u64, Error>
where
    A: ActiveModelTrait + Send,
{
    if models.is_empty() {
        return Ok(0);
    }
    let insert = <A::Entity as EntityTrait>::insert_many(models).on_conflict(OnConflict::new().do_nothing().to_owned());
    Ok(insert.exec_without_returning(transaction).await?)
}
