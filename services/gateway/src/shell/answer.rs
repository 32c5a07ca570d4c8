//! What the webhook answers. Alertmanager repeats a notification after 5xx and after no answer; a 4xx it drops for good.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::spool::Refused;
use crate::core::{body::Rejection, scope::OutOfScope};

/// When a sender should try again after a 503, seconds: long enough for an election of the bus.
const RETRY_AFTER_SECONDS: &str = "5";

/// Everything of a webhook is durable.
#[derive(Debug, Serialize)]
pub(crate) struct Accepted {
    /// Alerts that are durable now.
    pub(crate) alerts: usize,
    /// The same was durable before.
    pub(crate) repeated: bool,
    /// They are durable here, and wait for the bus.
    pub(crate) spooled: bool,
}

/// A request for a change is durable: its incident is open.
#[derive(Debug, Serialize)]
pub(crate) struct Requested {
    /// What becomes of it.
    pub(crate) incident: String,
    /// It was open before.
    pub(crate) repeated: bool,
}

/// Why a webhook or a request was not accepted.
#[derive(Debug)]
pub(crate) enum Refusal {
    Method,
    Unauthorized {
        problem: String,
        challenge: &'static str,
    },
    /// Whether the sender may send is not known.
    Review(String),
    ContentType(String),
    TooLarge {
        limit: usize,
    },
    Interrupted(String),
    /// The body did not come.
    Slow {
        after: Duration,
    },
    /// There is no room for it now.
    Busy,
    Rejected(Rejection),
    /// Some alerts are unusable.
    Alerts {
        problems: Vec<String>,
    },
    /// A change is asked for in a namespace that is not looked after.
    OutOfScope {
        namespace: String,
        out: OutOfScope,
    },
    /// Another request came with this id.
    OtherRequest {
        id: String,
        incident: String,
    },
    Bus(String),
    /// Neither the bus nor the spool takes it.
    Spool(Refused),
}

impl Refusal {
    /// The label of the counter.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Review(_) => "review_unavailable",
            Self::ContentType(_) => "content_type",
            Self::TooLarge { .. } => "too_large",
            Self::Interrupted(_) => "interrupted",
            Self::Slow { .. } => "slow",
            Self::Busy => "busy",
            Self::Rejected(Rejection::Malformed(_)) => "malformed",
            Self::Rejected(Rejection::Version(_)) => "version",
            Self::Rejected(Rejection::Shape(_)) => "payload",
            Self::Alerts { .. } => "alerts",
            Self::OutOfScope { .. } => "out_of_scope",
            Self::OtherRequest { .. } => "other_request",
            Self::Bus(_) => "bus_unavailable",
            Self::Spool(Refused::Full) => "spool_full",
            Self::Spool(Refused::Broken(_)) => "spool_broken",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::OutOfScope { .. } => StatusCode::FORBIDDEN,
            Self::OtherRequest { .. } => StatusCode::CONFLICT,
            Self::Interrupted(_) | Self::Rejected(Rejection::Malformed(_) | Rejection::Version(_)) => StatusCode::BAD_REQUEST,
            Self::Rejected(Rejection::Shape(_)) | Self::Alerts { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Review(_) | Self::Slow { .. } | Self::Busy | Self::Bus(_) | Self::Spool(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// One sentence for whoever configures the sender.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Method => "this path takes POST requests only".into(),
            Self::Unauthorized { problem, .. } => problem.clone(),
            Self::Review(problem) | Self::ContentType(problem) => problem.clone(),
            Self::TooLarge { limit } => {
                format!("the body has more than {limit} bytes; split the group (group_by), set max_alerts, or raise gateway.max_body_bytes")
            }
            Self::Slow { after } => format!("the body did not come within {} s, send it again", after.as_secs()),
            Self::Busy => "too many alerts of this source are being stored, send them again; gateway.max_in_flight_bytes says how many are taken at once".into(),
            Self::Interrupted(problem) => format!("the body could not be read to its end: {problem}"),
            Self::Rejected(Rejection::Malformed(text) | Rejection::Version(text) | Rejection::Shape(text)) => text.clone(),
            Self::Alerts { problems } => format!("{}; nothing of the webhook was stored", problems.join("; ")),
            Self::OutOfScope { namespace, out } => format!("nothing is changed in namespace {namespace}: {}", why_out(*out)),
            Self::OtherRequest { id, incident } => {
                format!("another request came with the id {id}, its incident is {incident}: give this one an id of its own")
            }
            Self::Spool(Refused::Full) => "the bus is away and the spool is full, send the alerts again".into(),
            Self::Spool(Refused::Broken(problem)) => format!("the bus is away and the spool cannot be written, send the alerts again: {problem}"),
            Self::Bus(problem) => format!("it could not be stored, send it again: {problem}"),
        }
    }
}

fn why_out(out: OutOfScope) -> &'static str {
    match out {
        OutOfScope::Cluster => "its cluster is not one of gateway.scope.clusters",
        OutOfScope::Excluded => "it is one of gateway.scope.excluded_namespaces",
        OutOfScope::OptedOut => "its people opted out with a label",
        OutOfScope::NotOptedIn => "it is none of gateway.scope.namespaces, and its people did not opt in with a label",
    }
}

#[derive(Serialize)]
struct Body {
    error: String,
    reason: &'static str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Body {
            error: self.sentence(),
            reason: self.reason(),
        };
        let mut response = (self.status(), Json(body)).into_response();
        let extra = match self {
            Self::Method => Some((header::ALLOW, "POST")),
            Self::Unauthorized { challenge, .. } => Some((header::WWW_AUTHENTICATE, challenge)),
            Self::Review(_) | Self::Slow { .. } | Self::Busy | Self::Bus(_) | Self::Spool(_) => {
                Some((header::RETRY_AFTER, RETRY_AFTER_SECONDS))
            }
            Self::ContentType(_)
            | Self::TooLarge { .. }
            | Self::Interrupted(_)
            | Self::Rejected(_)
            | Self::Alerts { .. }
            | Self::OutOfScope { .. }
            | Self::OtherRequest { .. } => None,
        };
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
