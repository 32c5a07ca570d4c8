//! `/approvals/{token}`: GET shows what would be decided, POST decides.
//!
//! Mail scanners and chat previews open links, so opening one must never decide.

use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use paramedic_domain::approval::Answer;
use serde::Deserialize;

use super::desk::{Desk, LinkFailure, NotCounted};
use crate::core::{link::BadLink, page};

/// Largest form: a reason of 2,000 characters, percent-encoded, with room to spare.
const MAX_FORM: usize = 32 * 1024;

#[derive(Deserialize)]
struct Confirmation {
    #[serde(default)]
    reason: String,
}

/// The routes.
pub fn routes(desk: Desk) -> Router {
    Router::new()
        .route("/approvals/{token}", get(show).post(decide))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(desk)
}

async fn show(State(desk): State<Desk>, Path(token): Path<String>) -> Response {
    match desk.look(&token).await {
        Ok((claims, incident)) => match page::confirm(&incident, &claims) {
            Some(html) => respond(StatusCode::OK, html),
            None => respond(
                StatusCode::CONFLICT,
                page::notice(
                    "Not decided",
                    "The plan changed since this link was made: look at the newer message.",
                ),
            ),
        },
        Err(failure) => failed(&failure),
    }
}

async fn decide(State(desk): State<Desk>, Path(token): Path<String>, Form(form): Form<Confirmation>) -> Response {
    match desk.use_link(&token, &form.reason).await {
        Ok((claims, counted)) => {
            let heading = match claims.answer {
                Answer::Approve => "Approved",
                Answer::Deny => "Denied",
            };
            respond(StatusCode::OK, page::notice(heading, &counted.message))
        }
        Err(failure) => failed(&failure),
    }
}

fn failed(failure: &LinkFailure) -> Response {
    let (status, heading) = match failure {
        LinkFailure::Bad(BadLink::Invalid) => (StatusCode::BAD_REQUEST, "Not a valid link"),
        LinkFailure::Bad(BadLink::Expired(_)) => (StatusCode::GONE, "Too late"),
        LinkFailure::Unknown(_) => (StatusCode::FORBIDDEN, "Not decided"),
        LinkFailure::Used | LinkFailure::NotCounted(NotCounted::Refused(_)) => (StatusCode::CONFLICT, "Not decided"),
        LinkFailure::NotCounted(NotCounted::Log(_)) | LinkFailure::Bus(_) => {
            tracing::warn!(%failure, "an approval link could not be served");
            let message = "The event log cannot be reached, so nothing was decided. Try again in a moment.";
            return respond(StatusCode::SERVICE_UNAVAILABLE, page::notice("Try again", message));
        }
    };
    respond(status, page::notice(heading, &failure.to_string()))
}

fn respond(status: StatusCode, html: String) -> Response {
    (status, Html(html)).into_response()
}
