//! JSON request bodies, with problem documents for invalid ones.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::http::problem::Problem;
use crate::http::problem_code::ProblemCode;

/// Parsed JSON body of a request.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = axum::Json::<Box<RawValue>>::from_request(request, state).await;
        let axum::Json(body) = body.map_err(|rejection| refuse(&rejection))?;
        if !body.get().starts_with('{') {
            // serde would read the items of an array as the fields in their order
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ProblemCode::Invalid,
                "the body must be an object",
            ));
        }
        let parsed = axum::Json::from_bytes(body.get().as_bytes());
        parsed.map(|axum::Json(body)| Self(body)).map_err(|rejection| refuse(&rejection))
    }
}

/// Converts a rejection into a problem document. Its text names fields and positions, never values.
fn refuse(rejection: &JsonRejection) -> Problem {
    let (code, detail) = match rejection {
        JsonRejection::JsonDataError(_) => (ProblemCode::Invalid, without_values(&rejection.body_text())),
        JsonRejection::JsonSyntaxError(_) => (ProblemCode::NotJson, "the body is not JSON".to_owned()),
        JsonRejection::MissingJsonContentType(_) => {
            (ProblemCode::NotJson, "the body must be application/json".to_owned())
        }
        other if other.status().is_client_error() => {
            (ProblemCode::Body, "the body is too large, or was cut off".to_owned())
        }
        _ => (ProblemCode::Body, "the body cannot be read".to_owned()),
    };
    Problem::new(rejection.status(), code, detail)
}

/// Removes values from a message of the parser. It quotes a value of a wrong type, which may be a password.
fn without_values(text: &str) -> String {
    let reason = text.rsplit_once("target type: ").map_or(text, |(_, reason)| reason);
    match reason.split_once("invalid ") {
        Some((field, _)) => format!("{} has the wrong type", field.trim_end_matches([':', ' '])),
        None => reason.to_owned(),
    }
}
