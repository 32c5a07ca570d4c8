//! The executor, seen from the planner: exact changes of recommended steps.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use paramedic_domain::{
    change::{Change, ObjectPatch},
    id::{ClusterId, IncidentId, PlanId, StepId},
    plan::{Lasts, Recommendation},
    risk::Context,
};
use paramedic_proto::v1::{self, executor_service_client::ExecutorServiceClient};
use paramedic_runtime::grpc;
use paramedic_wire::Wire;
use tonic::{Code, Status, transport::Channel};

use crate::core::{
    catalogue::{Catalogue, Known},
    outline::Prepared,
};

/// Why the executor did not answer usefully.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It, or the cluster behind it, cannot be reached now.
    #[error("{0}")]
    Unreachable(String),
    /// It will not answer this however often it is asked.
    #[error("{0}")]
    Refused(String),
}

/// Everything the executor said about a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Changes, or why there is none, by step.
    pub steps: BTreeMap<StepId, Result<Prepared, String>>,
    /// What people should know.
    pub notes: Vec<String>,
}

/// Who computes changes.
#[async_trait]
pub trait Preparer: Send + Sync {
    /// The actions there are.
    async fn catalogue(&self) -> Result<Catalogue, Error>;

    /// Exact changes of the items, in their order, on top of the patches that are assumed.
    async fn prepare(&self, cluster: &ClusterId, wanted: Preparation<'_>) -> Result<Answer, Error>;
}

/// What shall be prepared.
#[derive(Debug, Clone, Copy)]
pub struct Preparation<'a> {
    /// The plan that the changes are marked with.
    pub plan: &'a PlanId,
    /// The incident that they are for, if there is one.
    pub incident: Option<&'a IncidentId>,
    /// Steps, in an order that respects their dependencies.
    pub items: &'a [&'a Recommendation],
    /// Patches of earlier steps.
    pub assume: &'a [ObjectPatch],
}

/// An executor behind gRPC.
#[derive(Clone)]
pub struct Remote {
    client: ExecutorServiceClient<Channel>,
    url: String,
}

/// A preparation with its dry runs stays far below it; a plan of fifty steps with large objects may pass gRPC's 4 MiB.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

impl Remote {
    /// An executor at `url`; nothing is connected yet.
    ///
    /// # Errors
    /// When `url` is not an address.
    pub fn new(url: &str, timeout: Duration) -> anyhow::Result<Self> {
        let client = ExecutorServiceClient::new(grpc::channel(url, timeout)?).max_decoding_message_size(MAX_ANSWER_BYTES);
        Ok(Self {
            client,
            url: url.to_owned(),
        })
    }

    fn error(&self, status: &Status) -> Error {
        let text = format!("executor at {}: {}", self.url, status.message());
        match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::AlreadyExists => Error::Refused(text),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => Error::Unreachable(text),
        }
    }
}

#[async_trait]
impl Preparer for Remote {
    async fn catalogue(&self) -> Result<Catalogue, Error> {
        let request = grpc::with_trace(v1::ListActionsRequest {});
        let answer = self
            .client
            .clone()
            .list_actions(request)
            .await
            .map_err(|status| self.error(&status))?;
        let known = |action: v1::Action| {
            let schema = serde_json::from_str(&action.parameters_schema_json).map_err(|problem| {
                Error::Refused(format!(
                    "executor at {}: the schema of {} is not JSON: {problem}",
                    self.url, action.name
                ))
            })?;
            Ok(Known {
                name: action.name,
                aliases: action.aliases,
                schema,
            })
        };
        let actions = answer.into_inner().actions.into_iter().map(known).collect::<Result<_, Error>>()?;
        Ok(Catalogue { actions })
    }

    async fn prepare(&self, cluster: &ClusterId, wanted: Preparation<'_>) -> Result<Answer, Error> {
        let request = v1::PrepareRequest {
            cluster: cluster.to_string(),
            marker: wanted.plan.to_string(),
            items: wanted.items.iter().map(|item| to_item(item)).collect(),
            assume: wanted.assume.iter().map(to_assumed).collect(),
            incident: wanted.incident.map(ToString::to_string).unwrap_or_default(),
        };
        let answer = self
            .client
            .clone()
            .prepare(grpc::with_trace(request))
            .await
            .map_err(|status| self.error(&status))?;
        let answer = answer.into_inner();
        let mut steps = BTreeMap::new();
        for step in answer.steps {
            let (id, prepared) = from_step(step).map_err(|problem| Error::Refused(format!("executor at {}: {problem}", self.url)))?;
            steps.insert(id, prepared);
        }
        Ok(Answer {
            steps,
            notes: answer.notes,
        })
    }
}

fn to_item(recommendation: &Recommendation) -> v1::PrepareItem {
    v1::PrepareItem {
        step_id: recommendation.id.to_string(),
        action: recommendation.action.clone(),
        parameters_json: serde_json::Value::Object(recommendation.parameters.clone()).to_string(),
        dependencies: recommendation.dependencies.iter().map(ToString::to_string).collect(),
    }
}

fn to_assumed(patch: &ObjectPatch) -> v1::AssumedPatch {
    let wire = patch.to_proto();
    v1::AssumedPatch {
        target: wire.target,
        patch_json: wire.patch_json,
    }
}

type Step = (StepId, Result<Prepared, String>);

fn from_step(step: v1::PreparedStep) -> Result<Step, paramedic_wire::Invalid> {
    let id: StepId = step
        .step_id
        .parse()
        .map_err(|error: paramedic_domain::id::InvalidId| paramedic_wire::Invalid::new("step_id", error))?;
    if !step.refusal.is_empty() {
        // The executor's own sentences name the place already.
        let place = format!("parameters{}", step.refusal_path.replace('/', "."));
        let reason = if step.refusal_path.is_empty() || step.refusal.contains(&place) {
            step.refusal
        } else {
            format!("{place}: {}", step.refusal)
        };
        return Ok((id, Err(reason)));
    }
    let Some(change) = step.change else {
        return Ok((id, Err("the executor gave neither a change nor a reason".into())));
    };
    let change = Change::from_proto(change)?;
    let context = match step.risk_context {
        Some(context) => Context::from_proto(context)?,
        // nothing known of the surroundings: the safe reading is production
        None => Context {
            production: true,
            ..Context::default()
        },
    };
    let timeout = step
        .timeout
        .and_then(|timeout| Duration::try_from(timeout).ok())
        .filter(|timeout| !timeout.is_zero());
    let Some(timeout) = timeout else {
        return Ok((id, Err("the executor gave no timeout".into())));
    };
    let lasts = step.lasts.map(Lasts::from_proto).transpose()?;
    let typical = step.typical.and_then(|typical| Duration::try_from(typical).ok());
    Ok((
        id,
        Ok(Prepared {
            read_only: step.read_only,
            mutates: step.mutates,
            change,
            context,
            timeout,
            lasts,
            typical,
        }),
    ))
}
