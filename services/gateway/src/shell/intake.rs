//! The webhook: checks the sender, reads the body, makes what it says durable, and only then answers 2xx (INV-01).

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, header},
    response::{IntoResponse, Response},
    routing::any,
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use paramedic_bus::{Append, Error, Headers, SharedBus, streams, trace};
use paramedic_domain::{alert::AlertStatus, id::ClusterId, subject::Subject};
use paramedic_runtime::{Clock, Kit, config::Invalid, tls::Peer};

use super::{
    answer::{Accepted, Refusal},
    body,
    budget::Budget,
    completion::{self, Alertmanager},
    guard::{Guard, SIGNATURE},
    requests::Desk,
    spool::Spool,
};
use crate::{
    Config,
    config::Sends,
    core::{
        body::Chunks,
        format::Format,
        notification::{self, Context, Part, status_word},
        reading::{Group, Reading},
    },
    metrics,
};

/// Messages of one webhook in flight: it is more than one only for groups above a megabyte.
const APPENDS_IN_FLIGHT: usize = 8;
/// Bytes from which making messages of a body takes long enough to be somewhere else: about a millisecond.
const LARGE: usize = 256 << 10;

/// What the sources share.
pub(super) struct Intake {
    max_body_bytes: usize,
    pub(super) budget: Budget,
    pub(super) append_timeout: Duration,
    pub(super) bus: SharedBus,
    spool: Option<Arc<Spool>>,
    pub(super) clock: Clock,
    pub(super) cluster: ClusterId,
}

/// One source.
struct Endpoint {
    name: String,
    /// Its number among the sources.
    number: usize,
    format: Format,
    guard: Guard,
    /// Where truncated groups are completed from.
    alertmanager: Option<Alertmanager>,
    intake: Arc<Intake>,
}

/// One route per source.
///
/// # Errors
/// When a source cannot be guarded as it is configured.
pub(crate) fn routes(config: &Config, kit: &Kit, spool: Option<Arc<Spool>>) -> Result<Router, Invalid> {
    let intake = Arc::new(Intake {
        max_body_bytes: config.max_body_bytes,
        budget: Budget::new(config.max_in_flight_bytes as u64, config.sources.len()),
        append_timeout: config.append_timeout(),
        bus: kit.bus.clone(),
        spool,
        clock: kit.clock.clone(),
        cluster: kit.cluster.name.clone(),
    });
    let mut routes = Router::new();
    for (number, (name, source)) in config.sources.iter().enumerate() {
        let path = source.validate(name)?;
        let guard = Guard::new(name, source, kit)?;
        let format = match source.sends(name)? {
            Sends::Alerts(format) => format,
            Sends::Requests => {
                let desk = Desk {
                    name: name.clone(),
                    number,
                    guard,
                    scope: config.scope.compiled()?,
                    log: kit.log.clone(),
                    intake: intake.clone(),
                };
                routes = routes.merge(desk.route(&path));
                continue;
            }
        };
        let endpoint = Endpoint {
            name: name.clone(),
            number,
            format,
            guard,
            alertmanager: (!source.alertmanager_url.is_empty())
                .then(|| {
                    let key = format!("gateway.sources.{name}.alertmanager_url");
                    Alertmanager::new(&key, &source.alertmanager_url, &kit.cluster.http)
                })
                .transpose()?,
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
    async fn take(self: &Arc<Self>, request: Request) -> Result<Accepted, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer);
        self.guard.check(request.headers(), peer).await?;
        check_content_type(request.headers())?;
        let intake = &self.intake;
        let signature = request.headers().get(SIGNATURE).cloned();
        let (body, _room) = body::read(request.into_body(), intake.max_body_bytes, &intake.budget, self.number).await?;
        self.guard.check_body(signature.as_ref(), &body)?;
        let batch = match self.read_aside(body).await? {
            Read::Whole(batch) => batch,
            Read::Truncated(mut groups) => {
                for group in &mut groups {
                    completion::complete(
                        &self.name,
                        self.number,
                        self.alertmanager.as_ref(),
                        group,
                        intake.max_body_bytes,
                        &intake.budget,
                    )
                    .await;
                }
                self.batch(groups, intake.clock.now())
            }
        };
        intake.store(&self.name, batch).await
    }

    /// Reads a body; a large one not on a thread that serves others.
    async fn read_aside(self: &Arc<Self>, body: Chunks) -> Result<Read, Refusal> {
        let now = self.intake.clock.now();
        if body.bytes() < LARGE {
            return self.read(body, now);
        }
        let (endpoint, span) = (self.clone(), tracing::Span::current());
        tokio::task::spawn_blocking(move || span.in_scope(|| endpoint.read(body, now)))
            .await
            .map_err(|stopped| Refusal::Bus(format!("the body could not be read: {stopped}")))?
    }

    /// All that a body costs of a processor, in one go: what is allocated for it is given back by the thread that has it.
    fn read(&self, body: Chunks, now: Timestamp) -> Result<Read, Refusal> {
        let Reading { groups, problems } = self.format.read(body, now).map_err(Refusal::Rejected)?;
        if !problems.is_empty() {
            return Err(Refusal::Alerts { problems });
        }
        if groups.iter().any(|group| group.missing.is_some()) {
            return Ok(Read::Truncated(groups));
        }
        Ok(Read::Whole(self.batch(groups, now)))
    }

    /// The messages that say what was received at this time.
    fn batch(&self, groups: Vec<Group>, received_at: Timestamp) -> Batch {
        let cluster = &self.intake.cluster;
        let mut batch = Batch::default();
        for group in groups {
            let context = Context {
                cluster,
                source: &self.name,
                group_key: &group.key,
                received_at,
                whole_group: group.whole,
            };
            for part in notification::split(context, group.alerts) {
                batch.counts.add(&part);
                batch.messages.push(message(cluster, part));
            }
        }
        batch
    }
}

/// A body that was read.
enum Read {
    /// Nothing is missing.
    Whole(Batch),
    /// The sender left something out that may be asked for.
    Truncated(Vec<Group>),
}

/// What one webhook says, all of which becomes durable, or none.
#[derive(Default)]
struct Batch {
    messages: Vec<Append>,
    counts: Counts,
}

impl Intake {
    /// All or an error: after an error the sender repeats all of it, and what was stored is recognised.
    async fn store(&self, source: &str, batch: Batch) -> Result<Accepted, Refusal> {
        let Batch { messages, counts } = batch;
        let accepted = |repeated, spooled| Accepted {
            alerts: counts.firing + counts.resolved,
            repeated,
            spooled,
        };
        if messages.is_empty() {
            // Nothing that changes anything here.
            return Ok(accepted(false, false));
        }
        let waiting = self.spool.as_ref().filter(|spool| !spool.is_empty());
        if let Some(spool) = waiting {
            // Others wait already: nothing may overtake them.
            self.keep(spool, source, &messages).await?;
            counts.note(source);
            return Ok(accepted(false, true));
        }
        match (self.append_all(&messages).await, &self.spool) {
            (Ok(true), _) => {
                metrics::repeated(source);
                Ok(accepted(true, false))
            }
            (Ok(false), _) => {
                counts.note(source);
                Ok(accepted(false, false))
            }
            (Err(Error::Unavailable(problem)), Some(spool)) => {
                tracing::warn!(source, problem, "the bus is away; the alerts are kept in the spool");
                self.keep(spool, source, &messages).await?;
                counts.note(source);
                Ok(accepted(false, true))
            }
            (Err(error), _) => Err(Refusal::Bus(error.to_string())),
        }
    }

    async fn keep(&self, spool: &Arc<Spool>, source: &str, messages: &[Append]) -> Result<(), Refusal> {
        spool.keep(source, messages).await.map_err(Refusal::Spool)?;
        metrics::spooled(source, messages.len());
        Ok(())
    }

    /// Whether all of it was there already.
    async fn append_all(&self, messages: &[Append]) -> Result<bool, Error> {
        let appends = stream::iter(messages.iter().cloned())
            .map(|message| self.bus.append(streams::ALERTS, message))
            .buffered(APPENDS_IN_FLIGHT)
            .try_fold(true, async |all, ack| Ok(all && ack.duplicate));
        let too_late = || Error::Unavailable(format!("no answer within {} s", self.append_timeout.as_secs()));
        tokio::time::timeout(self.append_timeout, appends).await.map_err(|_| too_late())?
    }
}

/// A part of a notification as a message of the stream of alerts.
pub(crate) fn message(cluster: &ClusterId, part: Part) -> Append {
    let mut headers = Headers::new();
    trace::inject(&mut headers);
    let subject = Subject::Notification { cluster: cluster.clone() };
    Append {
        subject: subject.to_string(),
        headers,
        payload: paramedic_wire::encode_notification(part.notification),
        msg_id: Some(part.msg_id),
        expect: None,
    }
}

/// Alerts of a webhook by status.
#[derive(Default)]
struct Counts {
    firing: usize,
    resolved: usize,
}

impl Counts {
    fn add(&mut self, part: &Part) {
        let alerts = &part.notification.alerts;
        let firing = alerts.iter().filter(|alert| alert.status == AlertStatus::Firing).count();
        self.firing += firing;
        self.resolved += alerts.len() - firing;
    }

    fn note(&self, source: &str) {
        metrics::accepted(source, status_word(AlertStatus::Firing), self.firing as u64);
        metrics::accepted(source, status_word(AlertStatus::Resolved), self.resolved as u64);
    }
}

pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
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
