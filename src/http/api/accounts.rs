//! `/auth/…`: operations on accounts and sessions.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jsonwebtoken::jwk::JwkSet;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::Body;
use super::caller::{Authenticated, Caller, MaybeAuthenticated};
use super::device_cookie::{SetCookies, remember};
use super::responses::{Refused, Unauthorized, Unavailable};
use super::state::Api;
use crate::auth::Session;
use crate::clock;
use crate::db::LogoutScope;
use crate::db::RequestContext;
use crate::http::problem::Problem;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// `name@host.tld` with at most 255 characters, at most 64 of them before the `@`.
    #[schema(
        format = "email",
        example = "ada@example.com",
        max_length = 255,
        pattern = r"^[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$"
    )]
    email: String,
    /// 3 to 64 letters, digits, `.`, `_` and `-`, unique without regard to case.
    #[schema(example = "ada", min_length = 3, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    username: String,
    /// 8 to 128 characters. Common passwords are refused, and so are passwords made of the address or the name.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: SecretString,
}

/// Creates an account and begins its first session
#[utoipa::path(post, path = "/auth/register", tag = "sessions", request_body = Registration,
    responses((status = 201, description = "The account was created", body = Session, headers(("Set-Cookie" = String))),
        (status = 409, description = "The address or the name is already taken. `errors` lists the fields", body = Problem, content_type = "application/problem+json"), Refused))]
pub(super) async fn register(
    State(api): State<Api>,
    Caller(client): Caller,
    Body(body): Body<Registration>,
) -> Result<(StatusCode, SetCookies, Json<Session>), Problem> {
    let context = &RequestContext::new(client, clock::now());
    let auth = api.auth()?;
    let made = auth.register(&body.email, &body.username, &body.password, context).await?;
    Ok((StatusCode::CREATED, remember(auth, made.principal, context, api.settings()).await, Json(made)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// E-mail address in any case.
    #[schema(example = "ada@example.com")]
    email: String,
    /// Current password of the account.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Begins a session with a password
///
/// The cookie makes the device known. Failed attempts of other clients do not lock the account for a known device. A
/// client without cookies is known by the address from which it logged in.
#[utoipa::path(post, path = "/auth/login", tag = "sessions", request_body = Credentials,
    responses((status = 200, description = "The session has begun", body = Session, headers(("Set-Cookie" = String))), Unauthorized, Refused))]
pub(super) async fn login(
    State(api): State<Api>,
    Caller(client): Caller,
    Body(body): Body<Credentials>,
) -> Result<(SetCookies, Json<Session>), Problem> {
    let context = &RequestContext::new(client, clock::now());
    let auth = api.auth()?;
    let begun = auth.log_in(&body.email, &body.password, context).await?;
    Ok((remember(auth, begun.principal, context, api.settings()).await, Json(begun)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    /// Newest refresh token of the session, or the one before if the answer to its use was lost.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

/// Exchanges a refresh token for new tokens
///
/// Each token can be used once. A second use ends the session, unless the first answer was lost. If no token of that
/// answer was used, the second use returns new tokens and revokes those of the lost answer.
#[utoipa::path(post, path = "/auth/refresh", tag = "sessions", request_body = Refresh,
    responses((status = 200, description = "New tokens of the session", body = Session), Unauthorized, Refused))]
pub(super) async fn refresh(
    State(api): State<Api>,
    Caller(client): Caller,
    Body(body): Body<Refresh>,
) -> Result<Json<Session>, Problem> {
    let context = &RequestContext::new(client, clock::now());
    Ok(Json(api.auth()?.refresh(&body.refresh_token, context).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Logout {
    /// Refresh token of the session.
    #[schema(value_type = String)]
    refresh_token: SecretString,
    /// True to end every session of the account.
    #[serde(default)]
    all: bool,
}

/// Ends this session, or all sessions
///
/// This service refuses the access tokens of an ended session at once. Other services accept them until they expire,
/// for at most fifteen minutes.
#[utoipa::path(post, path = "/auth/logout", tag = "sessions", request_body = Logout,
    responses((status = 204, description = "The session was ended, or did not exist"), Refused))]
pub(super) async fn logout(
    State(api): State<Api>,
    Caller(client): Caller,
    Body(body): Body<Logout>,
) -> Result<StatusCode, Problem> {
    let context = &RequestContext::new(client, clock::now());
    let scope = if body.all { LogoutScope::All } else { LogoutScope::This };
    api.auth()?.log_out(&body.refresh_token, scope, context).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verification {
    /// Token from the message to the address.
    #[schema(value_type = String)]
    token: SecretString,
    /// Password of the account, required without an access token of the account.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
}

/// Verifies the e-mail address of an account
///
/// The token proves the address. Another person may have registered the address. The request must therefore also prove
/// the account, by an access token or by the password.
#[utoipa::path(post, path = "/auth/verify-email", tag = "accounts", request_body = Verification, security((), ("bearer" = [])),
    responses((status = 204, description = "The address is verified"),
        (status = 401, description = "Neither an access token nor the password of the account was sent, or the session has ended", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The password is wrong", body = Problem, content_type = "application/problem+json"), Refused))]
pub(super) async fn verify_email(
    State(api): State<Api>,
    Caller(client): Caller,
    MaybeAuthenticated(bearer): MaybeAuthenticated,
    Body(body): Body<Verification>,
) -> Result<StatusCode, Problem> {
    let context = &RequestContext::new(client, clock::now());
    api.auth()?.verify_email(&body.token, bearer, body.password.as_ref(), context).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a new verification token to the address
#[utoipa::path(post, path = "/auth/verify-email/resend", tag = "accounts", security(("bearer" = [])),
    responses((status = 204, description = "The token was sent, or the address is already verified"), Unauthorized, Unavailable))]
pub(super) async fn resend_verification(
    State(api): State<Api>,
    Authenticated(bearer): Authenticated,
) -> Result<StatusCode, Problem> {
    api.auth()?.resend_verification(bearer, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    /// Current password of the account.
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// 8 to 128 characters. Common passwords are refused, and so are passwords made of the address or the name.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: SecretString,
}

/// Changes the password, and ends every other session
#[utoipa::path(post, path = "/auth/password/change", tag = "accounts", request_body = PasswordChange, security(("bearer" = [])),
    responses((status = 204, description = "The password was changed"), Unauthorized,
        (status = 403, description = "The current password is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The account belongs to a provider and has no password", body = Problem, content_type = "application/problem+json"), Refused))]
pub(super) async fn change_password(
    State(api): State<Api>,
    Caller(client): Caller,
    Authenticated(bearer): Authenticated,
    Body(body): Body<PasswordChange>,
) -> Result<(StatusCode, SetCookies), Problem> {
    let context = &RequestContext::new(client, clock::now());
    let auth = api.auth()?;
    auth.change_password(bearer, &body.current_password, &body.new_password, context).await?;
    // the change made all known devices unknown, so this device is remembered again
    Ok((StatusCode::NO_CONTENT, remember(auth, bearer.principal, context, api.settings()).await))
}

/// Returns the keys that verify access tokens (RFC 7517)
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "documents",
    responses((status = 200, description = "A JSON Web Key Set; the first key signs", body = Object), Unavailable))]
pub(super) async fn keys(State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    let keys: JwkSet = api.auth()?.keys().published();
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(keys)))
}
