//! Codes of problem documents. To add a code, add a line here and a row in `docs/TROUBLESHOOTING.md`.

/// Declares the codes. Each line has the name in Rust and the text in an answer.
macro_rules! codes {
    ($($code:ident => $text:literal,)+) => {
        /// Code of a problem document, for programs. A code never changes.
        #[doc(hidden)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemCode {
            $($code,)+
        }

        impl ProblemCode {
            /// All codes, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// Text of the code in an answer.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)+
                }
            }
        }
    };
}

codes! {
    AccessToken => "access_token",
    Body => "body",
    Busy => "busy",
    CodeMissing => "code_missing",
    CodeRefused => "code_refused",
    Credentials => "credentials",
    CurrentPassword => "current_password",
    Denied => "denied",
    Host => "host",
    HostNotAllowed => "host_not_allowed",
    Inactive => "inactive",
    Internal => "internal",
    Invalid => "invalid",
    MethodNotAllowed => "method_not_allowed",
    NoPassword => "no_password",
    NoProvider => "no_provider",
    NoSession => "no_session",
    NoVerifiedEmail => "no_verified_email",
    NotFound => "not_found",
    NotJson => "not_json",
    Provider => "provider",
    RateLimited => "rate_limited",
    RefreshToken => "refresh_token",
    StateExpired => "state_expired",
    StateMismatch => "state_mismatch",
    StateMissing => "state_missing",
    StateUsed => "state_used",
    Taken => "taken",
    Throttled => "throttled",
    Unavailable => "unavailable",
    VerificationProof => "verification_proof",
    VerificationToken => "verification_token",
}
