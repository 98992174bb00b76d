//! `/api/me`: operations of an account owner.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::body::Body;
use super::caller::{Authenticated, Caller};
use super::responses::{Refused, Unauthorized, Unavailable};
use super::state::Api;
use crate::auth::{self, Profile, SessionView, User};
use crate::clock;
use crate::db::RequestContext;
use crate::http::problem::Problem;

/// Returns the account of the access token
#[utoipa::path(get, path = "/api/me", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, description = "The account of the access token", body = User), Unauthorized, Unavailable))]
pub(super) async fn show(State(api): State<Api>, Authenticated(bearer): Authenticated) -> Result<Json<User>, Problem> {
    Ok(Json(api.auth()?.me(bearer, clock::now()).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileChange {
    /// 3 to 64 letters, digits, `.`, `_` and `-`, unique without regard to case.
    #[schema(min_length = 3, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    username: Option<String>,
    /// https URL of at most 500 characters, without credentials, with a host name of the internet. null removes the
    /// picture.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 500, pattern = r"^https://([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}(/[!-~]*)?$")]
    avatar: Option<Option<String>>,
}

/// Distinguishes null from a missing field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes the name or the picture; missing fields keep their values
#[utoipa::path(patch, path = "/api/me", tag = "accounts", request_body = ProfileChange, security(("bearer" = [])),
    responses((status = 200, description = "The account as it is now", body = User), Unauthorized,
        (status = 409, description = "Another account has the name", body = Problem, content_type = "application/problem+json"), Refused))]
pub(super) async fn change(
    State(api): State<Api>,
    Authenticated(bearer): Authenticated,
    Body(body): Body<ProfileChange>,
) -> Result<Json<User>, Problem> {
    let profile = Profile { username: body.username, avatar: body.avatar };
    Ok(Json(api.auth()?.change_profile(bearer, profile, clock::now()).await?))
}

/// Lists the live sessions, newest first
#[utoipa::path(get, path = "/api/me/sessions", tag = "sessions", security(("bearer" = [])),
    responses((status = 200, description = "List of at most 200 sessions", body = Vec<SessionView>), Unauthorized, Unavailable))]
pub(super) async fn sessions(
    State(api): State<Api>,
    Authenticated(bearer): Authenticated,
) -> Result<Json<Vec<SessionView>>, Problem> {
    Ok(Json(api.auth()?.sessions(bearer, clock::now()).await?))
}

/// Ends one session of the account
#[utoipa::path(delete, path = "/api/me/sessions/{id}", tag = "sessions", security(("bearer" = [])),
    params(("id" = i64, Path, description = "Id of a session from the list")),
    responses((status = 204, description = "The session was ended"), Unauthorized,
        (status = 404, description = "The account has no such live session", body = Problem, content_type = "application/problem+json"),
        Unavailable))]
pub(super) async fn end_session(
    State(api): State<Api>,
    Caller(client): Caller,
    Authenticated(bearer): Authenticated,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let context = &RequestContext::new(client, clock::now());
    // an id that is not a number matches no session
    let Path(id) = id.map_err(|_| auth::Error::NoSession)?;
    api.auth()?.end_session(bearer, id, context).await?;
    Ok(StatusCode::NO_CONTENT)
}
