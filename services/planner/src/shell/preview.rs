//! The plan that a set of recommendations would become, for people and programs that ask.

use std::sync::Arc;

use paramedic_domain::{
    id::{ClusterId, PlanId},
    plan::{Recommendation, Refusal},
    policy::Mode,
};
use paramedic_proto::v1::{self, planner_service_server::PlannerService};
use paramedic_wire::Wire;
use serde::Deserialize;
use tonic::{Request, Response, Status};

use super::{executor::Preparer, make::make};
use crate::core::assemble::Brief;

/// The gRPC service.
pub struct Preview {
    /// The cluster it plans for.
    pub cluster: ClusterId,
    /// Its mode.
    pub mode: Mode,
    /// The executor.
    pub executor: Arc<dyn Preparer>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Set {
    List(Vec<Recommendation>),
    Named { recommendations: Vec<Recommendation> },
}

/// Reads an array of recommendations, or an object with one under `recommendations`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse(text: &str) -> Result<Vec<Recommendation>, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("recommendations_json is not JSON: {error}"))?;
    let list = value.get("recommendations").unwrap_or(&value).clone();
    // the untagged reader would hide which field is wrong, so the list is read on its own for the message
    match serde_json::from_value(value) {
        Ok(Set::List(list) | Set::Named { recommendations: list }) => Ok(list),
        Err(_) => serde_json::from_value::<Vec<Recommendation>>(list).map_err(|error| format!("recommendations_json: {error}")),
    }
}

#[tonic::async_trait]
impl PlannerService for Preview {
    async fn preview(&self, request: Request<v1::PreviewRequest>) -> Result<Response<v1::PreviewResponse>, Status> {
        let request = request.into_inner();
        if !request.cluster.is_empty() && request.cluster != self.cluster.as_str() {
            return Err(Status::not_found(format!(
                "cluster {:?} is not served here; this planner serves {}",
                request.cluster, self.cluster
            )));
        }
        let confidence = request.confidence.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&confidence) {
            return Err(Status::invalid_argument(format!("confidence {confidence} is not between 0 and 1")));
        }
        let recommendations = match parse(&request.recommendations_json) {
            Ok(recommendations) => recommendations,
            Err(reason) => return Ok(Response::new(refused(&[Refusal { step: None, reason }]))),
        };
        let brief = Brief {
            plan: PlanId::derive(&["preview", &request.recommendations_json]),
            attempt: 1,
            confidence,
            mode: self.mode,
            recommendations,
            criteria: Vec::new(),
        };
        let outcome = make(self.executor.as_ref(), &self.cluster, &brief)
            .await
            .map_err(Status::unavailable)?;
        Ok(Response::new(match outcome {
            Ok(plan) => v1::PreviewResponse {
                plan_json: serde_json::to_string(&plan).map_err(|error| Status::internal(error.to_string()))?,
                plan: Some(plan.to_proto()),
                refusals: Vec::new(),
            },
            Err(refusals) => refused(&refusals),
        }))
    }
}

fn refused(refusals: &[Refusal]) -> v1::PreviewResponse {
    v1::PreviewResponse {
        plan: None,
        plan_json: String::new(),
        refusals: refusals.iter().map(Wire::to_proto).collect(),
    }
}
