//! The webhook: checks the sender, reads the body, makes what it says durable, and only then answers 2xx (INV-01).

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    response::{IntoResponse, Response},
    routing::any,
};
use futures::{StreamExt, TryStreamExt, stream};
use paramedic_bus::{Append, Error, Headers, SharedBus, streams, trace};
use paramedic_domain::{alert::AlertStatus, id::ClusterId, subject::Subject};
use paramedic_runtime::{Clock, Kit, config::Invalid};

use super::{
    answer::{Accepted, Refusal},
    body,
    budget::Budget,
    guard::Guard,
};
use crate::{
    Config,
    config::Kind,
    core::{
        body::Chunks,
        notification::{self, Context, Part, status_word},
        reading::{Group, Reading},
        webhook,
    },
    metrics,
};

/// Messages of one webhook in flight: it is more than one only for groups above a megabyte.
const APPENDS_IN_FLIGHT: usize = 8;
/// Bytes from which reading a body takes long enough to be somewhere else: about a millisecond.
const LARGE: usize = 128 << 10;

/// What the sources share.
struct Intake {
    max_body_bytes: usize,
    budget: Budget,
    append_timeout: Duration,
    bus: SharedBus,
    clock: Clock,
    cluster: ClusterId,
}

/// One source.
struct Endpoint {
    name: String,
    /// Its number among the sources.
    number: usize,
    kind: Kind,
    guard: Guard,
    intake: Arc<Intake>,
}

/// One route per source.
///
/// # Errors
/// When a source cannot be guarded as it is configured.
pub(crate) fn routes(config: &Config, kit: &Kit) -> Result<Router, Invalid> {
    let intake = Arc::new(Intake {
        max_body_bytes: config.max_body_bytes,
        budget: Budget::new(config.max_in_flight_bytes as u64, config.sources.len()),
        append_timeout: config.append_timeout(),
        bus: kit.bus.clone(),
        clock: kit.clock.clone(),
        cluster: kit.cluster.name.clone(),
    });
    let mut routes = Router::new();
    for (number, (name, source)) in config.sources.iter().enumerate() {
        let path = source.validate(name)?;
        let endpoint = Endpoint {
            name: name.clone(),
            number,
            kind: source.kind(name)?,
            guard: Guard::new(name, source, kit)?,
            intake: intake.clone(),
        };
        if source.anonymous {
            tracing::warn!(source = name, path, "alerts are accepted from anybody");
        }
        // Any method, so that a wrong one is counted and explained like every other refusal.
        routes = routes.merge(Router::new().route(&path, any(webhook)).with_state(Arc::new(endpoint)));
    }
    Ok(routes)
}

async fn webhook(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    match endpoint.take(request).await {
        Ok(accepted) => Json(accepted).into_response(),
        Err(refusal) => {
            metrics::rejected(&endpoint.name, refusal.reason());
            tracing::warn!(
                source = endpoint.name,
                reason = refusal.reason(),
                problem = refusal.sentence(),
                "webhook not accepted"
            );
            refusal.into_response()
        }
    }
}

impl Endpoint {
    async fn take(&self, request: Request) -> Result<Accepted, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        self.guard.check(request.headers()).await?;
        check_content_type(request.headers())?;
        let intake = &self.intake;
        let (body, _room) = body::read(request.into_body(), intake.max_body_bytes, &intake.budget, self.number).await?;
        let reading = read(self.kind, body).await?;
        if !reading.problems.is_empty() {
            return Err(Refusal::Alerts {
                problems: reading.problems,
            });
        }
        for group in reading.groups.iter().filter(|group| group.truncated > 0) {
            metrics::truncated(&self.name, group.truncated);
            tracing::warn!(
                source = self.name,
                alerts = group.truncated,
                "Alertmanager left alerts out: raise max_alerts of the receiver"
            );
        }
        intake.store(&self.name, reading.groups).await
    }
}

/// Reads a body; a large one not on a thread that serves others.
async fn read(kind: Kind, body: Chunks) -> Result<Reading, Refusal> {
    let parse = match kind {
        Kind::Alertmanager => webhook::parse,
    };
    let read = if body.bytes() < LARGE {
        parse(body)
    } else {
        tokio::task::spawn_blocking(move || parse(body))
            .await
            .map_err(|stopped| Refusal::Bus(format!("the body could not be read: {stopped}")))?
    };
    read.map_err(Refusal::Rejected)
}

impl Intake {
    /// All or an error: after an error the sender repeats all of it, and what was stored is recognised.
    async fn store(&self, source: &str, groups: Vec<Group>) -> Result<Accepted, Refusal> {
        let received_at = self.clock.now();
        let parts: Vec<_> = groups
            .into_iter()
            .flat_map(|group| {
                let context = Context {
                    cluster: &self.cluster,
                    source,
                    group_key: &group.key,
                    received_at,
                    whole_group: group.whole,
                };
                notification::split(context, group.alerts)
            })
            .collect();
        let alerts = parts.iter().map(|part| part.notification.alerts.len()).sum();
        let appends = stream::iter(parts)
            .map(|part| self.append(part))
            .buffered(APPENDS_IN_FLIGHT)
            .try_collect::<Vec<bool>>();
        let was_there = tokio::time::timeout(self.append_timeout, appends)
            .await
            .map_err(|_| Refusal::Bus(format!("no answer within {} s", self.append_timeout.as_secs())))?
            .map_err(|error| Refusal::Bus(error.to_string()))?;
        Ok(Accepted {
            alerts,
            repeated: was_there.into_iter().all(|was_there| was_there),
        })
    }

    /// Whether it was there already.
    async fn append(&self, part: Part) -> Result<bool, Error> {
        let mut headers = Headers::new();
        trace::inject(&mut headers);
        let message = Append {
            subject: Subject::Notification {
                cluster: self.cluster.clone(),
            }
            .to_string(),
            headers,
            payload: paramedic_wire::encode_notification(&part.notification),
            msg_id: Some(part.msg_id),
            expect: None,
        };
        let duplicate = self.bus.append(streams::ALERTS, message).await?.duplicate;
        if duplicate {
            metrics::repeated(&part.notification.source);
        } else {
            for status in [AlertStatus::Firing, AlertStatus::Resolved] {
                let alerts = part.notification.alerts.iter().filter(|alert| alert.status == status).count();
                metrics::accepted(&part.notification.source, status_word(status), alerts as u64);
            }
        }
        Ok(duplicate)
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(Refusal::ContentType(
            "compressed bodies are not supported: send none of Content-Encoding".into(),
        ));
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Refusal::ContentType(format!(
            "Content-Type is {:?}, expected application/json",
            content_type.chars().take(80).collect::<String>()
        )))
    }
}
