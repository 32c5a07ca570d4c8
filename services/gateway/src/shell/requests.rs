//! Changes that people and pipelines ask for: each opens an incident of its own, whose log is written before the answer.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Request, State},
    http::Method,
    response::{IntoResponse, Response},
    routing::any,
};
use jiff::Timestamp;
use paramedic_bus::{Error, IncidentLog, LogError, topologies::Topologies, trace};
use paramedic_domain::{incident::Incident, request::ChangeRequest};
use paramedic_runtime::tls::Peer;

use super::{
    answer::{Refusal, Requested},
    body,
    guard::Guard,
    intake::{Intake, check_content_type},
};
use crate::{
    core::{body::Rejection, facts::Facts, request, scope::Scope, topology::Snapshot},
    metrics,
};

/// A source of requests.
pub(super) struct Desk {
    /// Its name.
    pub(super) name: String,
    /// Its number among the sources.
    pub(super) number: usize,
    pub(super) guard: Guard,
    pub(super) scope: Scope,
    pub(super) log: IncidentLog,
    pub(super) intake: Arc<Intake>,
}

impl Desk {
    /// Its route.
    pub(super) fn route(self, path: &str) -> Router {
        // Any method, so that a wrong one is counted and explained like every other refusal.
        Router::new().route(path, any(asked)).with_state(Arc::new(self))
    }
}

async fn asked(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    match desk.take(request).await {
        Ok(requested) => Json(requested).into_response(),
        Err(refusal) => {
            metrics::rejected(&desk.name, refusal.reason());
            tracing::warn!(
                source = desk.name,
                reason = refusal.reason(),
                problem = refusal.sentence(),
                "request not accepted"
            );
            refusal.into_response()
        }
    }
}

impl Desk {
    async fn take(&self, request: Request) -> Result<Requested, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer);
        let by = self.guard.check(request.headers(), peer).await?;
        check_content_type(request.headers())?;
        let read = body::read(request.into_body(), request::MAX_BYTES, &self.intake.budget, self.number);
        let (body, _room) = read.await.map_err(|refusal| match refusal {
            Refusal::TooLarge { limit } => {
                Refusal::Rejected(Rejection::Shape(format!("the body has more than {limit} bytes: no request does")))
            }
            other => other,
        })?;
        let wish = request::parse(&body).map_err(Refusal::Rejected)?;
        let stored = async {
            let facts = self.facts().await.map_err(|error| Refusal::Bus(error.to_string()))?;
            if let Some(namespace) = wish.namespace()
                && let Some(out) = self.scope.excludes_namespace(namespace, &facts)
            {
                return Err(Refusal::OutOfScope {
                    namespace: namespace.to_owned(),
                    out,
                });
            }
            self.open(wish.of(&by)).await
        };
        let patience = self.intake.append_timeout;
        tokio::time::timeout(patience, stored)
            .await
            .unwrap_or_else(|_| Err(Refusal::Bus(format!("no answer within {} s", patience.as_secs()))))
    }

    /// Writes the first event of the request's incident, unless it is there.
    async fn open(&self, request: ChangeRequest) -> Result<Requested, Refusal> {
        let id = ChangeRequest::incident(&self.name, &request.id);
        let traceparent = trace::current();
        let opens = |incident: &Incident, _now: Timestamp| request::open(incident, &request, traceparent.as_deref());
        let decided = self.log.decide(&self.intake.cluster, &id, None, &self.intake.clock, opens).await;
        let decided = decided.map_err(|error: LogError| Refusal::Bus(error.to_string()))?;
        if decided.incident.request.as_ref() != Some(&request) {
            return Err(Refusal::OtherRequest {
                id: request.id.to_string(),
                incident: id.to_string(),
            });
        }
        let repeated = decided.appended.is_empty();
        metrics::requested(&self.name, repeated);
        Ok(Requested {
            incident: id.to_string(),
            repeated,
        })
    }

    /// What is known of namespaces: what the last snapshot of the cluster says.
    async fn facts(&self) -> Result<Facts, Error> {
        let topologies = Topologies::open(&self.intake.bus).await?;
        let Some(last) = topologies.last(&self.intake.cluster, self.intake.clock.now()).await? else {
            return Ok(Facts::default());
        };
        let content = topologies.content(&last.taken).await?;
        let snapshot = content.and_then(|bytes| Snapshot::load(&bytes).ok());
        // Its people may have opted the namespace out: without their word nothing of theirs is touched.
        snapshot
            .map(|snapshot| snapshot.facts)
            .ok_or_else(|| Error::Unavailable(format!("the snapshot of the cluster {} cannot be read", last.taken.artifact)))
    }
}
