//! Meaning of the OAuth error codes of a provider.

use entity::value::Provider;
use oauth2::RequestTokenError;
use oauth2::basic::{BasicErrorResponse, BasicErrorResponseType};

use super::Error;
use super::error::at;
use super::failure::ProviderFailure;

const STEP: &str = "exchanging the code";

/// Converts the error of a token request, for `map_err`.
pub(super) fn of(provider: Provider) -> impl FnOnce(RequestTokenError<ProviderFailure, BasicErrorResponse>) -> Error {
    move |error| match error {
        RequestTokenError::ServerResponse(response) => refusal(provider, &response),
        RequestTokenError::Request(failure) => at(provider, STEP)(failure),
        // GitHub sends errors with status 200
        RequestTokenError::Parse(_, body) => match serde_json::from_slice(&body) {
            Ok(response) => refusal(provider, &response),
            Err(_) => at(provider, STEP)(ProviderFailure::Unreadable),
        },
        RequestTokenError::Other(_) => at(provider, STEP)(ProviderFailure::Unreadable),
    }
}

/// Converts the error code with which a browser returned from the provider.
pub(super) fn at_authorization(provider: Provider, error: &str) -> Error {
    at(provider, "authorization")(ProviderFailure::Refused(word(error)))
}

fn refusal(provider: Provider, response: &BasicErrorResponse) -> Error {
    match response.error() {
        BasicErrorResponseType::InvalidGrant => Error::CodeRefused(provider),
        BasicErrorResponseType::Extension(word) if word == "bad_verification_code" => Error::CodeRefused(provider),
        other => at(provider, STEP)(ProviderFailure::Refused(word(other.as_ref()))),
    }
}

/// Returns the characters of an error code, at most 40. All other characters are removed.
fn word(text: &str) -> String {
    text.chars().filter(|sign| sign.is_ascii_lowercase() || *sign == '_').take(40).collect()
}
