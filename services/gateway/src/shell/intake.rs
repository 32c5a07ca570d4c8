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
use paramedic_runtime::{Clock, Kit};
use secrecy::SecretString;

use super::{
    answer::{Accepted, Refusal},
    body,
};
use crate::{
    Config, WEBHOOK_PATH,
    core::{
        notification::{self, Context, Part, status_word},
        token,
        webhook::{self, Webhook},
    },
    metrics,
};

/// Messages of one webhook in flight: it is more than one only for groups above a megabyte.
const APPENDS_IN_FLIGHT: usize = 8;
/// Name of the source.
const SOURCE: &str = "alertmanager";

struct Intake {
    tokens: Vec<SecretString>,
    anonymous: bool,
    max_body_bytes: usize,
    append_timeout: Duration,
    bus: SharedBus,
    clock: Clock,
    cluster: ClusterId,
}

pub(crate) fn routes(config: &Config, kit: &Kit) -> Router {
    let intake = Intake {
        tokens: config.tokens.clone(),
        anonymous: config.anonymous,
        max_body_bytes: config.max_body_bytes,
        append_timeout: config.append_timeout(),
        bus: kit.bus.clone(),
        clock: kit.clock.clone(),
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
        if !webhook.problems.is_empty() {
            return Err(Refusal::Alerts {
                problems: webhook.problems,
            });
        }
        self.store(webhook).await
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
    async fn store(&self, webhook: Webhook) -> Result<Accepted, Refusal> {
        let context = Context {
            cluster: &self.cluster,
            source: SOURCE,
            group_key: &webhook.group_key,
            received_at: self.clock.now(),
            whole_group: webhook.truncated == 0,
        };
        let parts = notification::split(context, webhook.alerts);
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
            metrics::repeated();
        } else {
            for status in [AlertStatus::Firing, AlertStatus::Resolved] {
                let alerts = part.notification.alerts.iter().filter(|alert| alert.status == status).count();
                metrics::accepted(status_word(status), alerts as u64);
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
