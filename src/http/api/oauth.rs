//! `/auth/oauth/…`: login through Google and GitHub.
//!
//! Two flows share one exchange. In the redirect flow, the browser returns to this service. In the single-page flow,
//! the page requests a URL, receives the redirect, and sends code and state to this service. In both flows, a cookie of
//! the browser holds the state of the login.

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

use super::body::Body;
use super::caller::Caller;
use super::device_cookie::remember;
use super::flow_cookie::FlowCookie;
use super::responses::{AtProvider, NotEntered, Refused, Unavailable};
use super::state::Api;
use crate::auth::Session;
use crate::auth::oauth::{CallbackParams, LIFETIME, RedirectMode};
use crate::clock;
use crate::db::RequestContext;
use crate::http::problem::Problem;
use crate::http::problem_code::ProblemCode;

/// Provider that the path names.
pub(super) struct PathProvider(Provider);

impl FromRequestParts<Api> for PathProvider {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let unknown = || Problem::new(StatusCode::NOT_FOUND, ProblemCode::NoProvider, "there is no such provider");
        let Path(name) = Path::<String>::from_request_parts(parts, api).await.map_err(|_| unknown())?;
        let known = [Provider::Google, Provider::Github].into_iter().find(|provider| provider.name() == name);
        known.map(Self).ok_or_else(unknown)
    }
}

/// Redirects the browser to the provider
///
/// A link on a page leads here. After the consent, the browser returns to the callback.
#[utoipa::path(get, path = "/auth/oauth/{provider}", tag = "oauth",
    params(("provider" = String, Path, description = "`google` or `github`", example = "google")),
    responses((status = 303, description = "Redirect to the provider. A cookie holds the login for ten minutes",
        headers(("Location" = String, description = "Page of the provider that asks for consent"), ("Set-Cookie" = String))),
        AtProvider, Unavailable))]
pub(super) async fn redirect(
    State(api): State<Api>,
    PathProvider(provider): PathProvider,
) -> Result<Response, Problem> {
    let begun = api.auth()?.begin_oauth(provider, RedirectMode::Callback, clock::now()).await?;
    let cookie = FlowCookie::of(provider, api.settings()).set(&begun.cookie);
    Ok((StatusCode::SEE_OTHER, [(LOCATION, begun.url), (SET_COOKIE, cookie)]).into_response())
}

/// Query with which a browser returns from a provider.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbackQuery {
    /// Code of the provider, valid for one exchange.
    #[param(value_type = Option<String>)]
    code: Option<SecretString>,
    /// State with which the login began.
    state: Option<String>,
    /// Error code of the provider, in place of `code`.
    error: Option<String>,
}

/// Begins a session for a browser that the provider sends back
///
/// If no account has the verified address of the provider, a new account is created. Otherwise the account with this
/// address is linked. The first link of an account with a password erases the password and ends all sessions.
#[utoipa::path(get, path = "/auth/oauth/{provider}/callback", tag = "oauth",
    params(("provider" = String, Path, description = "`google` or `github`", example = "google"), CallbackQuery),
    responses((status = 200, description = "The session has begun", body = Session, headers(("Set-Cookie" = String))),
        (status = 400, description = "State or code is missing, not valid, expired or already used. Begin the login again", body = Problem, content_type = "application/problem+json"),
        NotEntered, AtProvider, Unavailable))]
pub(super) async fn callback(
    State(api): State<Api>,
    Caller(client): Caller,
    PathProvider(provider): PathProvider,
    headers: HeaderMap,
    query: Result<Query<CallbackQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let context = &RequestContext::new(client, clock::now());
    let unreadable = |_| Problem::new(StatusCode::BAD_REQUEST, ProblemCode::Invalid, "the query cannot be read");
    let Query(CallbackQuery { code, state, error }) = query.map_err(unreadable)?;
    let cookie = FlowCookie::of(provider, api.settings());
    let answer = CallbackParams { state, code, error, cookie: cookie.read(&headers) };
    finish(&api, provider, answer, context, &cookie).await
}

/// Login that has begun for a page.
#[derive(Serialize, ToSchema)]
pub(super) struct Beginning {
    /// State that the provider returns, to send with the code.
    state: String,
    /// URL to which the page redirects the browser.
    authorization_url: String,
    /// Time in which the browser must return, in seconds.
    #[schema(example = 600)]
    expires_in: i64,
}

/// Returns the URL to which a page redirects the browser
///
/// This operation is for single-page applications on the site of this service. Send the request with credentials, so
/// that the browser stores the cookie.
#[utoipa::path(get, path = "/auth/oauth/state/{provider}", tag = "oauth",
    params(("provider" = String, Path, description = "`google` or `github`", example = "google")),
    responses((status = 200, description = "The login has begun. A cookie holds it for ten minutes", body = Beginning, headers(("Set-Cookie" = String))),
        AtProvider, Unavailable))]
pub(super) async fn begin(State(api): State<Api>, PathProvider(provider): PathProvider) -> Result<Response, Problem> {
    let begun = api.auth()?.begin_oauth(provider, RedirectMode::Page, clock::now()).await?;
    let cookie = FlowCookie::of(provider, api.settings()).set(&begun.cookie);
    let beginning = Beginning { state: begun.state, authorization_url: begun.url, expires_in: LIFETIME.num_seconds() };
    Ok(([(SET_COOKIE, cookie)], Json(beginning)).into_response())
}

/// Parameters that a page received from the provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// Code of the provider, valid for one exchange.
    #[schema(value_type = String)]
    code: SecretString,
    /// State with which the login began.
    state: String,
}

/// Begins a session for a page that the provider redirected to
///
/// The request needs the cookie of `GET /auth/oauth/state/{provider}`. It returns what the callback returns.
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
    let cookie = FlowCookie::of(provider, api.settings());
    let answer =
        CallbackParams { state: Some(body.state), code: Some(body.code), error: None, cookie: cookie.read(&headers) };
    finish(&api, provider, answer, context, &cookie).await
}

/// Completes a login, and deletes its cookie whether it succeeded or failed.
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
            let known = remember(auth, session.principal, context, api.settings()).await;
            (clear, known, Json(session)).into_response()
        }
        Err(error) => (clear, Problem::from(error)).into_response(),
    })
}
