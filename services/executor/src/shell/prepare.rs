//! `ExecutorService`: the catalogue, and exact changes before anybody is asked.

mod fetch;

use paramedic_domain::{
    change::{Change, Deletion, DryRun, ObjectPatch, Wait},
    id::{PlanId, StepId},
    object::ObjectRef,
    risk::Context,
};
use paramedic_proto::v1::{self, executor_service_server::ExecutorService};
use paramedic_runtime::Kit;
use paramedic_wire::Wire;
use serde_json::{Value, json};
use tonic::{Request, Response, Status};

use self::fetch::Fetched;
use super::kubernetes::{Cluster, Trouble};
use crate::core::{
    actions::{self, Action, CATALOGUE, Params},
    context::context,
    patch::{Built, undo_marker},
    prepare::{Assumed, Item, Outcome, prepare},
};

/// Most items of one request: far more than any plan a person could approve.
const MAX_ITEMS: usize = 100;

/// The service.
#[derive(Clone)]
pub struct Service {
    /// Clock and cluster name.
    pub kit: Kit,
    /// The cluster; `None` when this process has none.
    pub cluster: Option<Cluster>,
}

#[tonic::async_trait]
impl ExecutorService for Service {
    async fn list_actions(&self, _: Request<v1::ListActionsRequest>) -> Result<Response<v1::ListActionsResponse>, Status> {
        let actions = CATALOGUE.iter().map(described).collect();
        Ok(Response::new(v1::ListActionsResponse { actions }))
    }

    async fn prepare(&self, request: Request<v1::PrepareRequest>) -> Result<Response<v1::PrepareResponse>, Status> {
        let request = request.into_inner();
        let Some(cluster) = &self.cluster else {
            return Err(Status::failed_precondition(
                "this executor has no cluster: configure cluster.kubeconfig",
            ));
        };
        if request.cluster != self.kit.cluster.name.as_str() {
            return Err(Status::failed_precondition(format!(
                "this executor serves cluster {}, not {:?}",
                self.kit.cluster.name, request.cluster
            )));
        }
        if request.items.len() > MAX_ITEMS {
            return Err(Status::invalid_argument(format!(
                "items: {} are more than {MAX_ITEMS}",
                request.items.len()
            )));
        }
        let plan: PlanId = request
            .marker
            .parse()
            .map_err(|error| Status::invalid_argument(format!("marker: {error}")))?;
        let assumed = request.assume.into_iter().map(assumed).collect::<Result<Vec<_>, _>>()?;
        let checked: Vec<Checked> = request.items.into_iter().map(check).collect::<Result<_, _>>()?;
        let response = self.prepare_all(cluster, checked, &assumed, &plan).await.map_err(unavailable)?;
        Ok(Response::new(response))
    }
}

/// An item whose action and parameters are known to be good, or why not.
struct Checked {
    step: StepId,
    item: Result<(&'static Action, Params), (Option<&'static Action>, String)>,
}

impl Service {
    async fn prepare_all(
        &self,
        cluster: &Cluster,
        checked: Vec<Checked>,
        assumed: &[Assumed],
        plan: &PlanId,
    ) -> Result<v1::PrepareResponse, Trouble> {
        let mut items = Vec::new();
        let mut fetched = Fetched::default();
        let mut places = Vec::with_capacity(checked.len());
        for Checked { step, item } in checked {
            let (action, params) = match item {
                Ok(good) => good,
                Err((action, reason)) => {
                    places.push(Err((step, action, reason)));
                    continue;
                }
            };
            match (action.needs)(&params) {
                Ok(needs) => {
                    fetched.add(cluster, &needs).await?;
                    places.push(Ok(items.len()));
                    items.push(Item { step, action, params });
                }
                Err(refused) => places.push(Err((step, Some(action), refused.0))),
            }
        }
        let merged = prepare(&items, fetched.world.clone(), assumed, plan, self.kit.clock.now());
        let mut outcomes: Vec<Option<Outcome>> = merged.outcomes.into_iter().map(Some).collect();
        let mut steps = Vec::with_capacity(places.len());
        for place in places {
            steps.push(match place {
                Ok(index) => {
                    let outcome = outcomes[index].take();
                    self.finish(cluster, &mut fetched, &items[index], outcome, plan).await?
                }
                Err((step, action, reason)) => answer(&step, action, Err(reason), None),
            });
        }
        Ok(v1::PrepareResponse {
            steps,
            notes: merged.notes,
        })
    }

    async fn finish(
        &self,
        cluster: &Cluster,
        fetched: &mut Fetched,
        item: &Item,
        outcome: Option<Outcome>,
        plan: &PlanId,
    ) -> Result<v1::PreparedStep, Trouble> {
        let (change, context) = match outcome {
            None => (Err("it was not prepared".to_owned()), None),
            Some(Outcome::Refused(reason)) => (Err(reason), None),
            Some(Outcome::Ready(change)) => {
                let context = match targets(&change).first() {
                    Some(target) => fetched.context(cluster, target, false).await?,
                    None => None,
                };
                (Ok(change), context)
            }
            Some(Outcome::Patch {
                target,
                built,
                prior,
                wait,
                template,
            }) => {
                let dry = dry_run(cluster, &target, &built, &prior).await?;
                let context = fetched.context(cluster, &target, template).await?;
                (Ok(Change::Patch(complete(target, &built, dry, wait, plan, &item.step))), context)
            }
            Some(Outcome::Delete { target, owner }) => {
                let dry_run = judge(cluster.delete(&target, true).await)?.0;
                let context = fetched.context(cluster, owner.as_ref().unwrap_or(&target), false).await?;
                (Ok(Change::Delete(Deletion { target, owner, dry_run })), context)
            }
        };
        Ok(answer(&item.step, Some(item.action), change, context))
    }
}

/// The server's answer to all that comes before and then this, as one patch: its `test`s run in order.
async fn dry_run(
    cluster: &Cluster,
    target: &ObjectRef,
    built: &Built,
    prior: &[json_patch::Patch],
) -> Result<(DryRun, Option<Value>), Trouble> {
    let operations = prior
        .iter()
        .flat_map(|patch| patch.0.iter())
        .chain(built.patch.0.iter())
        .cloned()
        .collect();
    judge(cluster.patch(target, &json_patch::Patch(operations), true).await)
}

fn judge(answer: Result<super::kubernetes::Answer, Trouble>) -> Result<(DryRun, Option<Value>), Trouble> {
    match answer {
        Ok(answer) => Ok((DryRun::Accepted { warnings: answer.warnings }, Some(answer.body))),
        Err(trouble @ Trouble::Transient { .. }) => Err(trouble),
        Err(trouble) => Ok((
            DryRun::Rejected {
                message: trouble.to_string(),
            },
            None,
        )),
    }
}

fn complete(target: ObjectRef, built: &Built, dry: (DryRun, Option<Value>), wait: Wait, plan: &PlanId, step: &StepId) -> ObjectPatch {
    let (dry_run, after) = dry;
    ObjectPatch {
        target,
        undo: built.undo(after.as_ref().unwrap_or(&built.after), &undo_marker(plan, step)),
        patch: built.patch.clone(),
        diff: built.diff.clone(),
        dry_run,
        wait,
    }
}

fn targets(change: &Change) -> Vec<ObjectRef> {
    match change {
        Change::Read { targets, .. } => targets.clone(),
        Change::Exec(exec) => vec![exec.target.clone()],
        Change::Patch(patch) => vec![patch.target.clone()],
        Change::Delete(deletion) => vec![deletion.target.clone()],
        Change::Notify(_) | Change::Carried { .. } => Vec::new(),
    }
}

fn described(action: &Action) -> v1::Action {
    v1::Action {
        name: action.name.into(),
        description: action.description.into(),
        parameters_schema_json: (action.schema)().to_string(),
        read_only: action.kind.read_only(),
        mutates: action.kind.mutates(),
    }
}

fn answer(step: &StepId, action: Option<&Action>, change: Result<Change, String>, context: Option<Context>) -> v1::PreparedStep {
    let (change, refusal) = match change {
        Ok(change) => (Some(change), String::new()),
        Err(reason) => (None, reason),
    };
    v1::PreparedStep {
        step_id: step.to_string(),
        risk_context: context.as_ref().map(Wire::to_proto),
        timeout: action.map(|action| paramedic_wire::Wire::to_proto(&action.timeout())),
        read_only: change.as_ref().is_some_and(Change::read_only),
        mutates: change.as_ref().is_some_and(Change::mutates),
        change: change.as_ref().map(Wire::to_proto),
        refusal,
    }
}

fn check(item: v1::PrepareItem) -> Result<Checked, Status> {
    let step: StepId = item
        .step_id
        .parse()
        .map_err(|error| Status::invalid_argument(format!("items.step_id: {error}")))?;
    let params: Params = serde_json::from_str(&item.parameters_json)
        .map_err(|error| Status::invalid_argument(format!("items[{step}].parameters_json is not a JSON object: {error}")))?;
    let Some(action) = actions::find(&item.action) else {
        let known: Vec<&str> = CATALOGUE.iter().map(|action| action.name).collect();
        let reason = format!("action {:?} is not in the catalogue: {}", item.action, known.join(", "));
        return Ok(Checked {
            step,
            item: Err((None, reason)),
        });
    };
    let checked = match violations(action, &params) {
        None => Ok((action, params)),
        Some(reason) => Err((Some(action), reason)),
    };
    Ok(Checked { step, item: checked })
}

/// What the schema says against the parameters. Aliases of parameters are not in the schema, so only what reading them
/// refuses as well is an error.
fn violations(action: &Action, params: &Params) -> Option<String> {
    let refused = (action.needs)(params).err()?;
    let schema = (action.schema)();
    let found: Vec<String> = match jsonschema::validator_for(&schema) {
        Ok(validator) => validator
            .iter_errors(&json!(params))
            .take(3)
            .map(|error| format!("parameters{}: {error}", error.instance_path()))
            .collect(),
        Err(_) => Vec::new(),
    };
    Some(if found.is_empty() { refused.0 } else { found.join("; ") })
}

fn assumed(patch: v1::AssumedPatch) -> Result<Assumed, Status> {
    let target = patch.target.ok_or_else(|| Status::invalid_argument("assume.target is missing"))?;
    Ok(Assumed {
        target: Wire::from_proto(target).map_err(|error| Status::invalid_argument(format!("assume.target: {error}")))?,
        patch: serde_json::from_str(&patch.patch_json)
            .map_err(|error| Status::invalid_argument(format!("assume.patch_json is not an RFC 6902 patch: {error}")))?,
    })
}

fn unavailable(trouble: Trouble) -> Status {
    match trouble {
        Trouble::Transient { .. } => Status::unavailable(format!("the cluster cannot be asked: {trouble}")),
        Trouble::Missing(_) | Trouble::Unfit { .. } | Trouble::Forbidden { .. } => Status::failed_precondition(trouble.to_string()),
    }
}
