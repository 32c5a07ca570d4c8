//! Investigations: for incidents, and on request as a stream of what is found.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::Stream;
use paramedic_bus::IncidentLog;
use paramedic_domain::{
    alert::Alert,
    evidence::Evidence,
    id::{ClusterId, IncidentId},
};
use paramedic_proto::v1::{
    self,
    analysis_service_server::AnalysisService,
    investigate_response::{Finding, Inconclusive},
};
use paramedic_wire::Wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{
    gather::{Watcher, gather},
    model::ask::{Advisor, Asked, Case},
    probes::{Probes, Unreachable},
};
use crate::core::{contest::weigh, decide::Conclusion, engines::Knobs, model::reconcile::without};

/// Gathers facts and lets the engines conclude.
///
/// # Errors
/// When the cluster cannot be reached.
pub async fn investigate(probes: &Probes, alerts: Vec<Alert>, watch: Watcher<'_>) -> Result<Conclusion, Unreachable> {
    Ok(look(probes, alerts, watch).await?.conclusion())
}

/// What there is to see, and what the engines make of it.
async fn look(probes: &Probes, alerts: Vec<Alert>, watch: Watcher<'_>) -> Result<Case, Unreachable> {
    let facts = gather(probes, alerts, watch).await?;
    let knobs = Knobs {
        rules: probes.rules.clone(),
        debug_flags: probes.config.debug_flags.clone(),
    };
    let weighed = weigh(&facts, &knobs);
    Ok(Case { facts, weighed })
}

/// Who investigates: the engines first, then a model if there is one and it is due.
#[derive(Clone)]
pub struct Investigator {
    /// The probes.
    pub probes: Arc<Probes>,
    /// The model, if one is configured.
    pub advisor: Option<Arc<Advisor>>,
}

impl Investigator {
    /// Looks into `alerts`.
    ///
    /// # Errors
    /// When the cluster cannot be reached.
    pub async fn investigate(
        &self,
        alerts: Vec<Alert>,
        incident: Option<&IncidentId>,
        asked: Asked,
        watch: Watcher<'_>,
    ) -> Result<Conclusion, Unreachable> {
        let case = self.look(alerts, watch).await?;
        Ok(self.conclude(case, incident, asked, watch).await)
    }

    /// Gathers facts, and lets the engines weigh them.
    ///
    /// # Errors
    /// When the cluster cannot be reached.
    pub async fn look(&self, alerts: Vec<Alert>, watch: Watcher<'_>) -> Result<Case, Unreachable> {
        look(&self.probes, alerts, watch).await
    }

    /// What comes of it, with a model's opinion where one is due.
    pub async fn conclude(&self, case: Case, incident: Option<&IncidentId>, asked: Asked, watch: Watcher<'_>) -> Conclusion {
        match &self.advisor {
            Some(advisor) if advisor.is_due(&case, asked) => {
                watch(&case.facts, "a model is asked");
                advisor.conclude(&self.probes, case, incident).await
            }
            None if asked == Asked::ByPeople => without(&case.facts, case.weighed, "none is configured (analysis.model.url)"),
            _ => case.conclusion(),
        }
    }
}

/// The gRPC service.
pub struct Service {
    /// The cluster it looks at.
    pub cluster: ClusterId,
    /// Logs of known incidents.
    pub log: IncidentLog,
    /// Who looks into them.
    pub investigator: Investigator,
}

/// Findings that may wait for a slow reader.
const BACKLOG: usize = 1_024;

type Findings = Pin<Box<dyn Stream<Item = Result<v1::InvestigateResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AnalysisService for Service {
    type InvestigateStream = Findings;

    async fn investigate(&self, request: Request<v1::InvestigateRequest>) -> Result<Response<Findings>, Status> {
        let request = request.into_inner();
        if !request.cluster.is_empty() && request.cluster != self.cluster.as_str() {
            return Err(Status::not_found(format!(
                "cluster {:?} is not served here; this service looks at {}",
                request.cluster, self.cluster
            )));
        }
        let asked = match request.ask_model {
            true => Asked::ByPeople,
            false => Asked::ByDoubt,
        };
        let (alerts, incident) = self.alerts(request).await?;
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let investigator = self.investigator.clone();
        // The investigation is driven by the reader: when the caller goes away, it ends with the stream.
        let work = async move {
            let told = AtomicUsize::new(0);
            let finding = |finding| Ok(v1::InvestigateResponse { finding: Some(finding) });
            let tell = |all: &[Evidence]| {
                let before = told.swap(all.len(), Ordering::Relaxed);
                for evidence in all.iter().skip(before) {
                    sender.try_send(finding(Finding::Evidence(evidence.to_proto()))).ok();
                }
            };
            let mut watch = |facts: &crate::core::facts::Facts, note: &str| {
                tell(&facts.evidence);
                sender.try_send(finding(Finding::Note(note.to_owned()))).ok();
            };
            let last = match investigator.investigate(alerts, incident.as_ref(), asked, &mut watch).await {
                Ok(Conclusion::Found(diagnosis)) => {
                    tell(&diagnosis.evidence);
                    finding(Finding::Diagnosis(diagnosis.to_proto()))
                }
                Ok(Conclusion::Inconclusive { reasons, .. }) => finding(Finding::Inconclusive(Inconclusive { reasons })),
                Err(unreachable) => Err(Status::unavailable(unreachable.to_string())),
            };
            sender.send(last).await.ok();
        };
        Ok(Response::new(Box::pin(driven(work, ReceiverStream::new(receiver)))))
    }
}

/// A stream that runs `work` while it is read.
fn driven<T: Send + 'static>(work: impl Future<Output = ()> + Send + 'static, items: ReceiverStream<T>) -> impl Stream<Item = T> + Send {
    use futures::{FutureExt, StreamExt};
    let done = work.into_stream().filter_map(|()| std::future::ready(None));
    futures::stream::select(items, done)
}

impl Service {
    async fn alerts(&self, request: v1::InvestigateRequest) -> Result<(Vec<Alert>, Option<IncidentId>), Status> {
        if request.incident.is_empty() {
            if request.alerts.is_empty() {
                return Err(Status::invalid_argument("neither an incident nor alerts are given"));
            }
            let read = |alert| Alert::from_proto(alert).map_err(|invalid| Status::invalid_argument(format!("alerts: {invalid}")));
            let alerts: Result<Vec<Alert>, Status> = request.alerts.into_iter().map(read).collect();
            return Ok((alerts?, None));
        }
        let id: IncidentId = request
            .incident
            .parse()
            .map_err(|error: paramedic_domain::id::InvalidId| Status::invalid_argument(error.to_string()))?;
        let incident = self
            .log
            .load(&self.cluster, &id)
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        if incident.version == 0 {
            return Err(Status::not_found(format!("there is no incident {id}")));
        }
        if incident.request.is_some() {
            return Err(Status::failed_precondition(format!(
                "somebody asked for incident {id}: there is no cause to look for, its diagnosis says what is done"
            )));
        }
        Ok((incident.alerts.into_values().collect(), Some(id)))
    }
}
