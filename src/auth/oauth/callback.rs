//! Parameters that a browser brings from a provider.

use secrecy::SecretString;

/// Parameters with which the browser returns from a provider.
#[derive(Clone, Default)]
pub struct CallbackParams {
    /// Parameter `state` of the query or the body.
    pub state: Option<String>,
    /// Parameter `code` of the query or the body.
    pub code: Option<SecretString>,
    /// Parameter `error` of the query or the body, which the provider sends in place of a code.
    pub error: Option<String>,
    /// Value of the cookie [`super::StartedLogin::cookie`].
    pub cookie: Option<SecretString>,
}
