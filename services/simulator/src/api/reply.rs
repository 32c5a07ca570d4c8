//! What a handler answers.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::store::Status;

/// An answer, before it becomes bytes.
pub enum Reply {
    /// JSON with its status code and warnings.
    Json {
        /// HTTP status code.
        code: u16,
        /// The body.
        body: Value,
        /// Texts for `Warning: 299` headers.
        warnings: Vec<String>,
        /// `Content-Type`.
        content_type: &'static str,
    },
    /// Anything else: text, streams, upgrades.
    Raw(Response),
}

impl Reply {
    /// 200 with `body`.
    pub fn ok(body: Value) -> Self {
        Self::json(200, body, Vec::new())
    }

    /// `body` with a code and warnings.
    pub fn json(code: u16, body: Value, warnings: Vec<String>) -> Self {
        Self::Json {
            code,
            body,
            warnings,
            content_type: "application/json",
        }
    }

    /// Plain text.
    pub fn text(code: u16, text: impl Into<String>) -> Self {
        let mut response = Response::new(Body::from(text.into()));
        *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Self::Raw(response)
    }

    /// A refusal as the server words it.
    pub fn failure(status: &Status) -> Self {
        Self::json(status.code, status.to_json(), Vec::new())
    }

    /// The HTTP response.
    pub fn into_response(self) -> Response {
        let (code, body, warnings, content_type) = match self {
            Self::Raw(response) => return response,
            Self::Json {
                code,
                body,
                warnings,
                content_type,
            } => (code, body, warnings, content_type),
        };
        let mut bytes = body.to_string();
        bytes.push('\n');
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        if code == 401 {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"kubernetes-master\""),
            );
        }
        if let Some(seconds) = body["details"]["retryAfterSeconds"].as_u64() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        for warning in warnings {
            let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
                headers.append(header::WARNING, value);
            }
        }
        response
    }
}
