//! The webhook: checks the sender, reads the body, makes the alerts durable, and only then answers 2xx (INV-01).

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
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    id::ClusterId,
    subject::Subject,
};
use paramedic_runtime::Kit;
use secrecy::SecretString;

use super::{
    answer::{Accepted, Refusal},
    body,
};
use crate::{
    Config, WEBHOOK_PATH,
    core::{token, webhook},
    metrics,
};

/// Appends in flight per webhook: enough to share a flush or fill a connection.
const APPENDS_IN_FLIGHT: usize = 64;

struct Intake {
    tokens: Vec<SecretString>,
    anonymous: bool,
    max_body_bytes: usize,
    append_timeout: Duration,
    bus: SharedBus,
    cluster: ClusterId,
}

pub(crate) fn routes(config: &Config, kit: &Kit) -> Router {
    let intake = Intake {
        tokens: config.tokens.clone(),
        anonymous: config.anonymous,
        max_body_bytes: config.max_body_bytes,
        append_timeout: config.append_timeout(),
        bus: kit.bus.clone(),
        cluster: kit.cluster.name.clone(),
    };
    // Any method, so that a wrong one is counted and explained like every other refusal.
    Router::new().route(WEBHOOK_PATH, any(webhook)).with_state(Arc::new(intake))
}

async fn webhook(State(intake): State<Arc<Intake>>, request: Request) -> Response {
    match intake.take(request).await {
        Ok(accepted) => Json(accepted).into_response(),
        Err(refusal) => {
            metrics::rejected(refusal.reason());
            tracing::warn!(reason = refusal.reason(), problem = refusal.sentence(), "webhook not accepted");
            refusal.into_response()
        }
    }
}

impl Intake {
    async fn take(&self, request: Request) -> Result<Accepted, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        self.check_token(request.headers())?;
        check_content_type(request.headers())?;
        let body = body::read(request.into_body(), self.max_body_bytes).await?;
        let webhook = webhook::parse(&body).map_err(Refusal::Rejected)?;
        if webhook.truncated > 0 {
            metrics::truncated(webhook.truncated);
            tracing::warn!(
                alerts = webhook.truncated,
                "Alertmanager left alerts out: raise max_alerts of the receiver"
            );
        }
        let accepted = self.store(&webhook.alerts).await?;
        if webhook.problems.is_empty() {
            Ok(accepted)
        } else {
            Err(Refusal::Alerts {
                problems: webhook.problems,
                accepted: accepted.alerts,
            })
        }
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.anonymous {
            return Ok(());
        }
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(token::bearer)
            .ok_or(Refusal::Token("the Authorization header holds no bearer token"))?;
        if token::is_allowed(token, &self.tokens) {
            Ok(())
        } else {
            Err(Refusal::Token("the bearer token is none of gateway.tokens"))
        }
    }

    /// All or an error: after an error the sender repeats all of it, and what was stored is recognised.
    async fn store(&self, alerts: &[Alert]) -> Result<Accepted, Refusal> {
        let messages: Vec<_> = alerts.iter().map(|alert| (alert.status, self.message(alert))).collect();
        let appends = stream::iter(messages)
            .map(|(status, message)| append(self.bus.clone(), status, message))
            .buffered(APPENDS_IN_FLIGHT)
            .try_collect::<Vec<bool>>();
        let was_there = tokio::time::timeout(self.append_timeout, appends)
            .await
            .map_err(|_| Refusal::Bus(format!("no answer within {} s", self.append_timeout.as_secs())))?
            .map_err(|error| Refusal::Bus(error.to_string()))?;
        Ok(Accepted {
            alerts: alerts.len(),
            repeated: was_there.into_iter().filter(|was_there| *was_there).count(),
        })
    }

    /// The alert as a message. A retry, or the other half of a highly available pair, has the same id.
    fn message(&self, alert: &Alert) -> Append {
        let mut headers = Headers::new();
        trace::inject(&mut headers);
        let subject = Subject::Alert {
            cluster: self.cluster.clone(),
            fingerprint: alert.fingerprint.clone(),
        };
        let id = format!(
            "{}-{}-{}-{}",
            self.cluster,
            alert.fingerprint,
            status_word(alert.status),
            alert.starts_at
        );
        Append {
            subject: subject.to_string(),
            headers,
            payload: paramedic_wire::encode_alert(alert),
            msg_id: Some(id),
            expect: None,
        }
    }
}

/// Whether it was there already.
async fn append(bus: SharedBus, status: AlertStatus, message: Append) -> Result<bool, Error> {
    let ack = bus.append(streams::ALERTS, message).await?;
    if ack.duplicate {
        metrics::repeated();
    } else {
        metrics::accepted(status_word(status));
    }
    Ok(ack.duplicate)
}

fn status_word(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Firing => "firing",
        AlertStatus::Resolved => "resolved",
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
