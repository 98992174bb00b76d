//! `/docs`: the OpenAPI document as one page for people, without further requests.

use std::sync::LazyLock;

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../templates/docs.css");

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

#[derive(Template)]
#[template(path = "docs.html")]
struct Page<'a> {
    style: &'static str,
    title: &'a str,
    version: &'a str,
    description: &'a str,
    groups: Vec<Group<'a>>,
    schemas: Vec<OpenApiSchema<'a>>,
}

struct Group<'a> {
    name: &'a str,
    operations: Vec<Operation<'a>>,
}

struct Operation<'a> {
    method: String,
    path: &'a str,
    summary: &'a str,
    description: &'a str,
    needs_token: bool,
    body: Option<OpenApiSchema<'a>>,
    answers: Vec<DocumentedAnswer<'a>>,
}

struct DocumentedAnswer<'a> {
    status: &'a str,
    description: &'a str,
    schema: Option<&'a str>,
}

struct OpenApiSchema<'a> {
    name: &'a str,
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    name: &'a str,
    kind: String,
    required: bool,
    description: &'a str,
}

/// Renders the page with its headers.
pub(super) fn render(document: &Value) -> Response {
    match Page::new(document).render() {
        Ok(html) => {
            let headers = [
                (CONTENT_TYPE, "text/html; charset=utf-8"),
                (CACHE_CONTROL, "public, max-age=300"),
                (CONTENT_SECURITY_POLICY, POLICY.as_str()),
            ];
            (headers, html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the page of the API cannot be rendered");
            crate::http::problem::Problem::from(crate::auth::Error::Internal(error.to_string())).into_response()
        }
    }
}

impl<'a> Page<'a> {
    fn new(document: &'a Value) -> Self {
        let schemas = &document["components"]["schemas"];
        let operations: Vec<(&str, Operation<'a>)> = members(&document["paths"])
            .flat_map(|(path, methods)| members(methods).map(move |(method, operation)| (path, method, operation)))
            .map(|(path, method, operation)| (tag(operation), Operation::new(path, method, operation, schemas)))
            .collect();
        let mut groups: Vec<Group<'a>> =
            ["sessions", "accounts", "oauth", "documents"].map(|name| Group { name, operations: Vec::new() }).into();
        for (tag, operation) in operations {
            if let Some(group) = groups.iter_mut().find(|group| group.name == tag) {
                group.operations.push(operation);
            }
        }
        groups.retain(|group| !group.operations.is_empty());
        let answered: Vec<&str> = groups
            .iter()
            .flat_map(|group| &group.operations)
            .flat_map(|operation| &operation.answers)
            .filter_map(|answer| answer.schema)
            .collect();
        let shown = |name: &str| name == "User" || name == "InvalidField" || answered.contains(&name);
        Self {
            style: STYLE,
            title: text(&document["info"]["title"]),
            version: text(&document["info"]["version"]),
            description: text(&document["info"]["description"]),
            groups,
            schemas: members(schemas)
                .filter(|(name, _)| shown(name))
                .map(|(name, schema)| OpenApiSchema::new(name, schema))
                .collect(),
        }
    }
}

impl<'a> Operation<'a> {
    fn new(path: &'a str, method: &str, operation: &'a Value, schemas: &'a Value) -> Self {
        let body = reference(&operation["requestBody"]);
        Self {
            method: method.to_uppercase(),
            path,
            summary: text(&operation["summary"]),
            description: text(&operation["description"]),
            needs_token: operation["security"].is_array(),
            body: body.map(|name| OpenApiSchema::new(name, &schemas[name])),
            answers: members(&operation["responses"])
                .map(|(status, answer)| DocumentedAnswer::new(status, answer))
                .collect(),
        }
    }
}

impl<'a> DocumentedAnswer<'a> {
    fn new(status: &'a str, answer: &'a Value) -> Self {
        Self { status, description: text(&answer["description"]), schema: reference(answer) }
    }
}

impl<'a> OpenApiSchema<'a> {
    fn new(name: &'a str, schema: &'a Value) -> Self {
        let required =
            |field: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == field));
        let field = |(name, field): (&'a str, &'a Value)| Field {
            name,
            kind: kind(field),
            required: required(name),
            description: text(&field["description"]),
        };
        Self { name, fields: members(&schema["properties"]).map(field).collect() }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn tag(operation: &Value) -> &str {
    text(&operation["tags"][0])
}

/// Returns the schema name of a request body or an answer.
fn reference(holder: &Value) -> Option<&str> {
    let schema = &members(&holder["content"]).next()?.1["schema"];
    last(schema).or_else(|| last(&schema["items"]))
}

fn last(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn kind(field: &Value) -> String {
    match &field["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => last(field).unwrap_or("object").to_owned(),
    }
}
