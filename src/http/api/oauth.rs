//! `/auth/oauth/…`: logging in through Google and GitHub.
//!
//! Two flows, one exchange. In the redirect flow the browser comes back to this service. In the single-page flow the page asks where to
//! go, is come back to, and posts what the provider gave it. In both, a cookie of this browser holds what was begun.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use entity::value::Provider;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::body::Body;
use super::caller::Caller;
use super::device_cookie::remember;
use super::document::{AtProvider, NotEntered, Refused, Unavailable};
use super::flow_cookie::FlowCookie;
use super::problem::Problem;
use crate::auth::Session;
use crate::auth::oauth::{CallbackParams, LIFETIME, RedirectMode};
use crate::clock;
use crate::db::RequestContext;

/// The provider that a path names.
pub(super) struct PathProvider(Provider);

impl FromRequestParts<Api> for PathProvider {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let unknown = || Problem::new(StatusCode::NOT_FOUND, "no_provider", "there is no such provider");
        let Path(name) = Path::<String>::from_request_parts(parts, api).await.map_err(|_| unknown())?;
        let known = [Provider::Google, Provider::Github].into_iter().find(|provider| provider.name() == name);
        known.map(Self).ok_or_else(unknown)
    }
}

/// Sends the browser to the provider
///
/// A link on a page leads here. Whoever consents comes back to the callback.
#[utoipa::path(get, path = "/auth/oauth/{provider}", tag = "oauth",
    params(("provider" = String, Path, description = "`google` or `github`", example = "google")),
    responses((status = 303, description = "To the provider; a cookie holds the login for ten minutes",
        headers(("Location" = String, description = "Where the provider asks for consent"), ("Set-Cookie" = String))),
        AtProvider, Unavailable))]
pub(super) async fn redirect(
    State(api): State<Api>,
    PathProvider(provider): PathProvider,
) -> Result<Response, Problem> {
    let begun = api.auth()?.begin_oauth(provider, RedirectMode::Callback, clock::now()).await?;
    let cookie = FlowCookie::of(provider, &api.settings).set(&begun.cookie);
    Ok((StatusCode::SEE_OTHER, [(LOCATION, begun.url), (SET_COOKIE, cookie)]).into_response())
}

/// What a browser comes back with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbackQuery {
    /// The provider's, for one exchange.
    #[param(value_type = Option<String>)]
    code: Option<SecretString>,
    /// The one that the login began with.
    state: Option<String>,
    /// What the provider says instead of giving a code.
    error: Option<String>,
}

/// Begins a session for a browser that the provider sends back
///
/// Makes an account, if nobody has the address that the provider vouches for. An account that has it is linked if that address was
/// verified here.
#[utoipa::path(get, path = "/auth/oauth/{provider}/callback", tag = "oauth",
    params(("provider" = String, Path, description = "`google` or `github`", example = "google"), CallbackQuery),
    responses((status = 200, description = "The session has begun", body = Session, headers(("Set-Cookie" = String))),
        (status = 400, description = "State or code are missing, foreign, expired, or were used before; begin again", body = Problem, content_type = "application/problem+json"),
        NotEntered, AtProvider, Unavailable))]
pub(super) async fn callback(
    State(api): State<Api>,
    Caller(client): Caller,
    PathProvider(provider): PathProvider,
    headers: HeaderMap,
    query: Result<Query<CallbackQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let context = &RequestContext::new(client, clock::now());
    let unreadable = |_| Problem::new(StatusCode::BAD_REQUEST, "invalid", "the query cannot be read");
    let Query(CallbackQuery { code, state, error }) = query.map_err(unreadable)?;
    let cookie = FlowCookie::of(provider, &api.settings);
    let answer = CallbackParams { state, code, error, cookie: cookie.read(&headers) };
    finish(&api, provider, answer, context, &cookie).await
}

/// A login that a page has begun.
#[derive(Serialize, ToSchema)]
pub(super) struct Beginning {
    /// What the provider sends back; to be posted with the code.
    state: String,
    /// Where to send the browser.
    authorization_url: String,
    /// Seconds in which it has to come back.
    #[schema(example = 600)]
    expires_in: i64,
}

/// Tells a page where to send the browser
///
/// For single-page applications on the same site as this service; ask with credentials, so that the browser keeps the cookie.
#[utoipa::path(get, path = "/auth/oauth/state/{provider}", tag = "oauth",
    params(("provider" = String, Path, description = "`google` or `github`", example = "google")),
    responses((status = 200, description = "The login has begun; a cookie holds it for ten minutes", body = Beginning, headers(("Set-Cookie" = String))),
        AtProvider, Unavailable))]
pub(super) async fn begin(State(api): State<Api>, PathProvider(provider): PathProvider) -> Result<Response, Problem> {
    let begun = api.auth()?.begin_oauth(provider, RedirectMode::Page, clock::now()).await?;
    let cookie = FlowCookie::of(provider, &api.settings).set(&begun.cookie);
    let beginning = Beginning { state: begun.state, authorization_url: begun.url, expires_in: LIFETIME.num_seconds() };
    Ok(([(SET_COOKIE, cookie)], Json(beginning)).into_response())
}

/// What the provider gave to a page.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// For one exchange.
    #[schema(value_type = String)]
    code: SecretString,
    /// The one that the login began with.
    state: String,
}

/// Begins a session for a page that the provider sent back to
///
/// As the callback, with the cookie of `GET /auth/oauth/state/{provider}`.
#[utoipa::path(post, path = "/auth/oauth/{provider}", tag = "oauth", request_body = Given,
    params(("provider" = String, Path, description = "`google` or `github`", example = "google")),
    responses((status = 200, description = "The session has begun", body = Session, headers(("Set-Cookie" = String))),
        NotEntered, AtProvider, Refused))]
pub(super) async fn exchange(
    State(api): State<Api>,
    Caller(client): Caller,
    PathProvider(provider): PathProvider,
    headers: HeaderMap,
    Body(body): Body<Given>,
) -> Result<Response, Problem> {
    let context = &RequestContext::new(client, clock::now());
    let cookie = FlowCookie::of(provider, &api.settings);
    let answer =
        CallbackParams { state: Some(body.state), code: Some(body.code), error: None, cookie: cookie.read(&headers) };
    finish(&api, provider, answer, context, &cookie).await
}

/// The login ends here, well or not: its cookie has served.
async fn finish(
    api: &Api,
    provider: Provider,
    answer: CallbackParams,
    context: &RequestContext,
    cookie: &FlowCookie,
) -> Result<Response, Problem> {
    let auth = api.auth()?;
    let clear = AppendHeaders([(SET_COOKIE, cookie.clear())]);
    Ok(match auth.finish_oauth(provider, answer, context).await {
        Ok(session) => {
            let known = remember(auth, session.principal, context, &api.settings).await;
            (clear, known, Json(session)).into_response()
        }
        Err(error) => (clear, Problem::from(error)).into_response(),
    })
}
