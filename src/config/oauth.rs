//! Variables of OAuth login, and the public URL of this service.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Error, Variables};
use crate::auth::BaseUrl;
use crate::auth::oauth::{OauthClient, OauthSettings};
use crate::auth::vault::Vault;

const URL_HINT: &str = "write an address like https://auth.example.com, without `?` and `#`";

/// URL of the public listener as clients see it, from `AUTHSVC_PUBLIC_URL`. The default is the listening address, which
/// suits a developer's machine.
pub(super) fn public_url(variables: &Variables, listen: SocketAddr) -> Result<BaseUrl, Error> {
    let default = if listen.ip().is_unspecified() {
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    };
    url(variables, "AUTHSVC_PUBLIC_URL", &default)
}

/// Reads `AUTHSVC_GOOGLE_CLIENT_ID`, `AUTHSVC_GITHUB_CLIENT_ID`, their secrets, and the provider URLs, which have
/// defaults.
pub(super) fn settings(
    variables: &Variables,
    public_url: &BaseUrl,
    patience: Duration,
) -> Result<OauthSettings, Error> {
    Ok(OauthSettings {
        google: client(variables, "AUTHSVC_GOOGLE_CLIENT_ID", "AUTHSVC_GOOGLE_CLIENT_SECRET")?,
        github: client(variables, "AUTHSVC_GITHUB_CLIENT_ID", "AUTHSVC_GITHUB_CLIENT_SECRET")?,
        public_url: public_url.clone(),
        page_url: match variables.get("AUTHSVC_OAUTH_REDIRECT_URL") {
            Some(text) => Some(url(variables, "AUTHSVC_OAUTH_REDIRECT_URL", text)?),
            None => None,
        },
        google_issuer: private_url(variables, "AUTHSVC_GOOGLE_ISSUER", "https://accounts.google.com")?,
        github_url: private_url(variables, "AUTHSVC_GITHUB_URL", "https://github.com")?,
        github_api_url: private_url(variables, "AUTHSVC_GITHUB_API_URL", "https://api.github.com")?,
        // shorter than a request's timeout, so that the response can name the provider as the cause
        timeout: patience * 4 / 5,
    })
}

/// Keys that encrypt the OAuth tokens, the newest first, from `AUTHSVC_ENCRYPTION_KEY` or its `_FILE` twin.
pub(super) fn vault(variables: &Variables) -> Result<Option<Vault>, Error> {
    const NAME: &str = "AUTHSVC_ENCRYPTION_KEY";
    let Some(text) = variables.secret(NAME)? else { return Ok(None) };
    Vault::from_keys(&text).map(Some).map_err(|error| Error::invalid(NAME, error.to_string(), error.hint()))
}

fn client(variables: &Variables, id: &'static str, secret: &'static str) -> Result<Option<OauthClient>, Error> {
    match (variables.get(id), variables.secret(secret)?) {
        (Some(id), Some(secret)) => Ok(Some(OauthClient { id: id.to_owned(), secret })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err(Error::invalid(secret, format!("is not set, but {id} is"), format!("set it, or unset {id}")))
        }
        (None, Some(_)) => {
            Err(Error::invalid(id, format!("is not set, but {secret} is"), format!("set it, or unset {secret}")))
        }
    }
}

/// Parses a URL to which client secrets and tokens are sent. It must be private, as https is.
fn private_url(variables: &Variables, name: &'static str, default: &str) -> Result<BaseUrl, Error> {
    let url = url(variables, name, default)?;
    if url.is_private() {
        return Ok(url);
    }
    Err(Error::invalid(name, format!("`{url}` is not https"), "write an address that starts with https://"))
}

fn url(variables: &Variables, name: &'static str, default: &str) -> Result<BaseUrl, Error> {
    // the value is not repeated, because it may hold a password
    BaseUrl::parse(variables.get(name).unwrap_or(default))
        .map_err(|error| Error::invalid(name, error.to_string(), URL_HINT))
}
