//! Account and session of an access token, and the cache of verified tokens.

use quick_cache::sync::Cache;

use crate::db::Principal;

/// Account and session that an access token proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// Account, and the epoch in which the token was issued.
    pub principal: Principal,
    /// Id of the session.
    pub session: i64,
    /// Id of the refresh token that was issued with it; `None` if an earlier version issued the token.
    pub token: Option<i64>,
}

/// Cache of tokens with a valid signature, by their SHA-256.
pub(super) type VerifiedTokens = Cache<[u8; 32], VerifiedToken>;

/// Content of a token with a valid signature.
#[derive(Clone, Copy)]
pub(super) struct VerifiedToken {
    pub(super) bearer: Bearer,
    /// Expiry in seconds since 1970.
    pub(super) expires_at: i64,
}
