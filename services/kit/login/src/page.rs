//! The one page of sign-in: what happened and what to do. The template engine escapes what is filled in.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use minijinja::{Environment, context};

/// Its template.
pub(crate) const TEMPLATE: &str = include_str!("../templates/notice.html");

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages
        .add_template("notice.html", TEMPLATE)
        .expect("the template is part of the program and parses");
    pages
});

/// A page, with a link to sign in where there is one.
pub(crate) fn notice(status: StatusCode, heading: &str, message: &str, sign_in: Option<&str>) -> Response {
    let page = PAGES
        .get_template("notice.html")
        .and_then(|page| page.render(context! { heading, message, sign_in }));
    match page {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => (status, message.to_owned()).into_response(),
    }
}
