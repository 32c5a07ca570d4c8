//! What every page tells browsers about itself, in one place.

use std::sync::Arc;

use axum::{Router, extract::State, middleware, response::Response};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, header};
use sha2::{Digest as _, Sha256};

use crate::page;

/// How long browsers remember that we are reached by TLS alone: a year, in seconds.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Headers of every answer: no scripts, no frames, no forms to elsewhere, no caches, no referrer (addresses may hold secrets).
#[derive(Debug, Clone)]
pub struct SecurityHeaders {
    styles: String,
    secure: bool,
}

impl SecurityHeaders {
    /// For a site that browsers reach at this URL; with `https://` they are told to come by TLS alone.
    #[must_use]
    pub fn new(public_url: &str) -> Self {
        let headers = Self {
            styles: "'self'".to_owned(),
            secure: public_url.starts_with("https://"),
        };
        headers.styles_of(page::TEMPLATE)
    }

    /// Allows the `<style>` of a page, or of its template if nothing in it is filled in: exactly this text, by its hash.
    #[must_use]
    pub fn styles_of(mut self, html: &str) -> Self {
        let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
        if let Some((style, _)) = style {
            self.styles = format!("{} 'sha256-{}'", self.styles, BASE64_STANDARD.encode(Sha256::digest(style)));
        }
        self
    }

    fn policy(&self) -> HeaderValue {
        let policy = format!(
            "default-src 'none'; style-src {}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            self.styles
        );
        HeaderValue::try_from(policy).expect("words and base64 are visible ASCII")
    }

    /// Sets them on every answer of these routes. What else a route says of caches holds.
    pub fn on(&self, routes: Router) -> Router {
        let mut always: Vec<(HeaderName, HeaderValue)> = vec![
            (header::CONTENT_SECURITY_POLICY, self.policy()),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        if self.secure {
            always.push((header::STRICT_TRANSPORT_SECURITY, HSTS));
        }
        let always: Arc<[(HeaderName, HeaderValue)]> = always.into();
        routes.layer(middleware::map_response_with_state(always, set))
    }
}

async fn set(State(always): State<Arc<[(HeaderName, HeaderValue)]>>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.extend(always.iter().cloned());
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
