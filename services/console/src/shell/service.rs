//! `IncidentService`.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, stream};
use paramedic_bus::{IncidentLog, SharedBus, Start, streams};
use paramedic_domain::{
    id::{ClusterId, IncidentId},
    people::Role,
    subject,
};
use paramedic_people::Place;
use paramedic_proto::v1::{self, incident_service_server::IncidentService};
use paramedic_runtime::{Clock, Kit};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{
    artifacts, dead_letters,
    identity::Callers,
    regroup, status,
    summary::summary,
    tail::{ALL, Tail},
    topology, watch,
};
use crate::core::{cancel, catalogue::Wanted};

/// Incidents in a list when the caller names no limit.
const DEFAULT_LIMIT: u32 = 100;
/// Incidents in any list.
const MAX_LIMIT: u32 = 1000;

/// The service.
pub(crate) struct Incidents {
    bus: SharedBus,
    log: IncidentLog,
    clock: Clock,
    drain: CancellationToken,
    cluster: ClusterId,
    tail: Arc<Tail>,
    callers: Callers,
}

type Streaming<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Incidents {
    pub(crate) fn new(kit: &Kit, tail: Arc<Tail>) -> Self {
        Self {
            bus: kit.bus.clone(),
            log: kit.log.clone(),
            clock: kit.clock.clone(),
            drain: kit.drain.clone(),
            cluster: kit.cluster.name.clone(),
            tail,
            callers: Callers::new(kit),
        }
    }
}

fn ids(cluster: &str, incident: &str) -> Result<(ClusterId, IncidentId), Status> {
    Ok((status::parse("cluster", cluster)?, status::parse("incident", incident)?))
}

#[tonic::async_trait]
impl IncidentService for Incidents {
    type ArtifactStream = Streaming<v1::ArtifactPart>;
    type LogStream = Streaming<v1::LogEntry>;
    type WatchStream = Streaming<v1::WatchResponse>;

    async fn list(&self, request: Request<v1::ListIncidentsRequest>) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        let request = request.into_inner();
        let cluster = request.cluster.as_deref().map(|text| status::parse("cluster", text)).transpose()?;
        let limit = if request.limit == 0 { DEFAULT_LIMIT } else { request.limit };
        let wanted = Wanted {
            cluster,
            open_only: request.open_only,
            limit: limit.min(MAX_LIMIT) as usize,
        };
        let read = self.tail.catch_up().await.map_err(|error| status::bus(&error))?;
        let (incidents, total) = read.catalogue.list(&wanted);
        Ok(Response::new(v1::ListIncidentsResponse {
            incidents: incidents.into_iter().map(summary).collect(),
            total: u32::try_from(total).unwrap_or(u32::MAX),
        }))
    }

    async fn get(&self, request: Request<v1::GetIncidentRequest>) -> Result<Response<v1::GetIncidentResponse>, Status> {
        let request = request.into_inner();
        let (cluster, id) = ids(&request.cluster, &request.incident)?;
        let incident = self.log.load(&cluster, &id).await.map_err(|error| status::log(&error))?;
        if incident.version == 0 {
            return Err(status::unknown(&cluster, &id));
        }
        let state_json = serde_json::to_string(&incident).map_err(|error| Status::internal(format!("{id} has no JSON form: {error}")))?;
        Ok(Response::new(v1::GetIncidentResponse {
            summary: Some(summary(&incident)),
            state_json,
        }))
    }

    async fn log(&self, request: Request<v1::LogRequest>) -> Result<Response<Self::LogStream>, Status> {
        let request = request.into_inner();
        let (cluster, id) = ids(&request.cluster, &request.incident)?;
        let filter = subject::incident_filter(&cluster, &id);
        let stored = self
            .bus
            .replay(streams::INCIDENTS, &filter, Start::Beginning)
            .await
            .map_err(|error| status::bus(&error))?;
        if stored.is_empty() {
            return Err(status::unknown(&cluster, &id));
        }
        let entries = stored.into_iter().map(|message| {
            Ok(v1::LogEntry {
                position: message.seq,
                envelope: message.payload.to_vec(),
            })
        });
        Ok(Response::new(Box::pin(stream::iter(entries))))
    }

    async fn artifact(&self, request: Request<v1::ArtifactRequest>) -> Result<Response<Self::ArtifactStream>, Status> {
        let request = request.into_inner();
        let incident = status::parse("incident", &request.incident)?;
        let parts = artifacts::parts(&self.bus, &incident, &request.name).await?;
        Ok(Response::new(Box::pin(stream::iter(parts.into_iter().map(Ok)))))
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let request = request.into_inner();
        let filter = match (&request.cluster, &request.incident) {
            (None, None) => ALL.to_owned(),
            (Some(cluster), None) => format!("paramedic.incident.{}.>", status::parse::<ClusterId>("cluster", cluster)?),
            (None, Some(incident)) => format!("paramedic.incident.*.{}.>", status::parse::<IncidentId>("incident", incident)?),
            (Some(cluster), Some(incident)) => {
                let (cluster, incident) = ids(cluster, incident)?;
                subject::incident_filter(&cluster, &incident)
            }
        };
        let from = match request.from_position {
            Some(position) => position.max(1),
            None => {
                drop(self.tail.catch_up().await.map_err(|error| status::bus(&error))?);
                *self.tail.positions().borrow()
            }
        };
        let events = watch::watch(self.bus.clone(), self.tail.clone(), filter, from, self.drain.clone());
        Ok(Response::new(Box::pin(events)))
    }

    async fn cancel(&self, request: Request<v1::CancelIncidentRequest>) -> Result<Response<v1::CancelIncidentResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let (cluster, id) = ids(&request.cluster, &request.incident)?;
        let incident = self.log.load(&cluster, &id).await.map_err(|error| status::log(&error))?;
        let by = self
            .callers
            .with_role(Role::Responder, Some(&Place::of(&incident)), &metadata, &request.by)?;
        let decided = self
            .log
            .decide(&cluster, &id, None, &self.clock, |incident, _| {
                cancel::decide(incident, &by, request.reason.trim())
            })
            .await
            .map_err(|error| status::log(&error))?;
        if decided.incident.version == 0 {
            return Err(status::unknown(&cluster, &id));
        }
        Ok(Response::new(v1::CancelIncidentResponse {
            summary: Some(summary(&decided.incident)),
            already_ended: decided.appended.is_empty(),
        }))
    }

    async fn regroup(&self, request: Request<v1::RegroupRequest>) -> Result<Response<v1::RegroupResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let by = self.callers.with_role(Role::Responder, None, &metadata, &request.by)?;
        let cluster: ClusterId = status::parse("cluster", &request.cluster)?;
        let alerts = regroup::regroup(&self.bus, &self.log, &self.clock, &cluster, request.correction, by).await?;
        Ok(Response::new(v1::RegroupResponse { alerts }))
    }

    async fn dead_letters(&self, request: Request<v1::DeadLettersRequest>) -> Result<Response<v1::DeadLettersResponse>, Status> {
        dead_letters::list(self.bus.as_ref(), request.into_inner().all)
            .await
            .map(Response::new)
    }

    async fn retry_dead_letter(
        &self,
        request: Request<v1::RetryDeadLetterRequest>,
    ) -> Result<Response<v1::RetryDeadLetterResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let by = self.callers.with_role(Role::Responder, None, &metadata, &request.by)?;
        dead_letters::retry(self.bus.as_ref(), request.number, &by).await.map(Response::new)
    }

    async fn topology(&self, request: Request<v1::TopologyRequest>) -> Result<Response<v1::TopologyResponse>, Status> {
        let cluster = match request.into_inner().cluster {
            Some(text) => status::parse("cluster", &text)?,
            None => self.cluster.clone(),
        };
        topology::last(&self.bus, &self.clock, &cluster).await.map(Response::new)
    }
}
