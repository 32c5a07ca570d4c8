//! `PlannerService`: the plan that a set of recommendations would become, and a person's word on a running one.

use paramedic_bus::IncidentLog;
use paramedic_domain::{
    id::{ClusterId, PlanId},
    plan::{Plan, Refusal},
};
use paramedic_policy::About;
use paramedic_proto::v1::{self, planner_service_server::PlannerService};
use paramedic_runtime::{People, caller::caller};
use paramedic_wire::Wire;
use tonic::{Request, Response, Status};

use super::{make::Maker, propose::Proposer, revise::revise};
use crate::core::{assemble::Brief, request};

/// The gRPC service.
pub struct Service {
    /// The cluster it plans for.
    pub cluster: ClusterId,
    /// The logs.
    pub log: IncidentLog,
    /// How plans are made.
    pub proposer: Proposer,
    /// Who may ask for other plans.
    pub people: People,
}

#[tonic::async_trait]
impl PlannerService for Service {
    async fn preview(&self, request: Request<v1::PreviewRequest>) -> Result<Response<v1::PreviewResponse>, Status> {
        let request = request.into_inner();
        self.serves(&request.cluster)?;
        let confidence = request.confidence.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&confidence) {
            return Err(Status::invalid_argument(format!("confidence {confidence} is not between 0 and 1")));
        }
        let outcome = self.preview_of(&request.recommendations_json, confidence).await?;
        Ok(Response::new(match outcome {
            Ok(plan) => v1::PreviewResponse {
                plan_json: serde_json::to_string(&plan).map_err(|error| Status::internal(error.to_string()))?,
                plan: Some(plan.to_proto()),
                refusals: Vec::new(),
            },
            Err(refusals) => v1::PreviewResponse {
                plan: None,
                plan_json: String::new(),
                refusals: refusals.iter().map(Wire::to_proto).collect(),
            },
        }))
    }

    async fn revise(&self, request: Request<v1::ReviseRequest>) -> Result<Response<v1::ReviseResponse>, Status> {
        let (now, people) = (self.proposer.clock.now(), self.people.current());
        let who = caller(&people, request.metadata(), &request.get_ref().by, now)?;
        let request = request.into_inner();
        self.serves(&request.cluster)?;
        revise(&self.log, &self.proposer, who, request).await.map(Response::new)
    }
}

impl Service {
    fn serves(&self, cluster: &str) -> Result<(), Status> {
        if cluster.is_empty() || cluster == self.cluster.as_str() {
            return Ok(());
        }
        Err(Status::not_found(format!(
            "cluster {cluster:?} is not served here; this planner serves {}",
            self.cluster
        )))
    }

    async fn preview_of(&self, text: &str, confidence: f64) -> Result<Result<Plan, Vec<Refusal>>, Status> {
        let set = match request::parse(text) {
            Ok(set) => set,
            Err(problems) => {
                let refusals = problems.into_iter().map(|reason| Refusal { step: None, reason });
                return Ok(Err(refusals.collect()));
            }
        };
        let brief = Brief {
            plan: PlanId::derive(&["preview", text]),
            attempt: 1,
            about: About::preview(self.cluster.clone(), confidence),
            policy: self.proposer.policies.current(),
            mode: self.proposer.mode,
            recommendations: set.recommendations,
            criteria: Vec::new(),
            rollback: set.rollback.unwrap_or(self.proposer.config.rollback),
            rules: self.proposer.config.rules(),
            cause: None,
            now: self.proposer.clock.now(),
        };
        let maker = Maker {
            executor: self.proposer.executor.as_ref(),
            records: &self.proposer.records,
            cluster: &self.cluster,
        };
        let outcome = maker.make(&brief).await.map_err(Status::unavailable)?;
        Ok(outcome.map(|mut plan| {
            plan.notes.extend(set.notes);
            plan
        }))
    }
}
