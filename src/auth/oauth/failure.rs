//! Failures of requests to a provider.

/// Failure of a request to a provider. No message contains a part of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFailure {
    /// The request would leave this machine unencrypted.
    #[error("the URL is neither https nor on this machine")]
    Insecure,
    /// The connection could not be opened, or was lost.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The answer did not arrive within the time limit.
    #[error("it timed out")]
    Late,
    /// The answer has an unexpected status.
    #[error("it answered with status {0}")]
    Status(u16),
    /// The answer is longer than 1 MiB.
    #[error("its answer is too long")]
    TooLong,
    /// The answer cannot be parsed.
    #[error("its answer cannot be parsed")]
    Unreadable,
    /// The provider returned an error of RFC 6749, 5.2, which the registration or the settings of this service cause.
    #[error("it refused: {0}")]
    Refused(String),
}
