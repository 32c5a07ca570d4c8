//! `ExecutorService`: the catalogue, and exact changes before anybody is asked.

mod connections;
mod fetch;
mod finish;
mod recorded;
mod release;

use std::sync::Arc;

use paramedic_catalogue::{
    Action, Catalogue, Params, Refused,
    actions::{unplaced, violation},
    prepare::{Assumed, Item, Outcome, prepare},
};
use paramedic_domain::{
    change::Change,
    id::{IncidentId, PlanId, StepId},
    incident::Incident,
    plan::Lasts,
    risk::Context,
};
use paramedic_proto::v1::{self, executor_service_server::ExecutorService};
use paramedic_runtime::Kit;
use paramedic_wire::Wire;
use tonic::{Request, Response, Status};

use self::{fetch::Fetched, finish::Finishing};
use super::{
    calls::Outside,
    kubernetes::{Cluster, Trouble},
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
    /// The actions there are.
    pub catalogue: Catalogue,
    /// The systems outside of the cluster.
    pub outside: Outside,
}

#[tonic::async_trait]
impl ExecutorService for Service {
    async fn list_actions(&self, _: Request<v1::ListActionsRequest>) -> Result<Response<v1::ListActionsResponse>, Status> {
        let actions = self.catalogue.iter().map(|action| described(action.as_ref())).collect();
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
        let checked: Vec<Checked> = request
            .items
            .into_iter()
            .map(|item| check(&self.catalogue, item))
            .collect::<Result<_, _>>()?;
        let incident = self.incident(&request.incident).await?;
        let response = self
            .prepare_all(cluster, checked, &assumed, (&plan, incident))
            .await
            .map_err(unavailable)?;
        Ok(Response::new(response))
    }

    async fn control(&self, request: Request<v1::ControlRequest>) -> Result<Response<v1::ControlResponse>, Status> {
        super::control::control(&self.kit, &request.metadata().clone(), request.into_inner())
            .await
            .map(Response::new)
    }
}

/// An item whose action and parameters are known to be good, or why not.
struct Checked {
    step: StepId,
    item: Result<(Arc<dyn Action>, Params), Unfit>,
}

/// The action, if there is one, and what is wrong.
type Unfit = (Option<Arc<dyn Action>>, Refused);

impl Service {
    /// The incident of that id; `None` when no id is given.
    async fn incident(&self, id: &str) -> Result<Option<Incident>, Status> {
        if id.is_empty() {
            return Ok(None);
        }
        let id: IncidentId = id.parse().map_err(|error| Status::invalid_argument(format!("incident: {error}")))?;
        let incident = self
            .kit
            .log
            .load(&self.kit.cluster.name, &id)
            .await
            .map_err(|error| Status::unavailable(format!("the incident's log cannot be read: {error}")))?;
        Ok((incident.version > 0).then_some(incident))
    }

    async fn prepare_all(
        &self,
        cluster: &Cluster,
        checked: Vec<Checked>,
        assumed: &[Assumed],
        (plan, incident): (&PlanId, Option<Incident>),
    ) -> Result<v1::PrepareResponse, Trouble> {
        let mut items = Vec::new();
        let mut fetched = Fetched::default();
        fetched.world.incident = incident;
        fetched.world.systems = self.outside.systems();
        let mut places = Vec::with_capacity(checked.len());
        for Checked { step, item } in checked {
            let (action, params) = match item {
                Ok(good) => good,
                Err((action, refused)) => {
                    places.push(Err((step, action, refused)));
                    continue;
                }
            };
            let params = match fetched.placed(cluster, action.as_ref(), params).await? {
                Ok(params) => params,
                Err(refused) => {
                    places.push(Err((step, Some(action), refused)));
                    continue;
                }
            };
            match action.needs(&params) {
                Ok(needs) => {
                    fetched.add(cluster, &self.kit, &needs).await?;
                    places.push(Ok(items.len()));
                    items.push(Item { step, action, params });
                }
                Err(refused) => places.push(Err((step, Some(action), refused))),
            }
        }
        fetched.files(&self.outside).await;
        let merged = prepare(&items, fetched.world.clone(), assumed, plan, self.kit.clock.now());
        let mut outcomes: Vec<Option<Outcome>> = merged.outcomes.into_iter().map(Some).collect();
        let mut steps = Vec::with_capacity(places.len());
        for place in places {
            steps.push(match place {
                Ok(index) => {
                    let item = &items[index];
                    let mut finishing = Finishing {
                        cluster,
                        fetched: &mut fetched,
                        outside: &self.outside,
                        kit: &self.kit,
                        plan,
                        step: &item.step,
                    };
                    match outcomes[index].take() {
                        Some(outcome) => {
                            let (change, context) = finishing.finish(outcome.pending, outcome.concerns).await?;
                            answer(&item.step, Some(item.action.as_ref()), change, context, outcome.lasts)
                        }
                        None => answer(
                            &item.step,
                            Some(item.action.as_ref()),
                            Err(Refused::because("it was not prepared")),
                            None,
                            None,
                        ),
                    }
                }
                Err((step, action, refused)) => answer(&step, action.as_deref(), Err(refused), None, None),
            });
        }
        Ok(v1::PrepareResponse {
            steps,
            notes: merged.notes,
        })
    }
}

fn described(action: &dyn Action) -> v1::Action {
    let about = action.about();
    v1::Action {
        name: action.name().into(),
        description: about.description.into(),
        parameters_schema_json: action.schema().to_string(),
        read_only: action.kind().read_only(),
        mutates: action.kind().mutates(),
        aliases: action.aliases().iter().map(|alias| (*alias).into()).collect(),
        undo: about.undo.into(),
        risk: about.risk.into(),
        dry_run: about.dry_run.into(),
        external: about.external,
    }
}

fn answer(
    step: &StepId,
    action: Option<&dyn Action>,
    change: Result<Change, Refused>,
    context: Option<Context>,
    lasts: Option<Lasts>,
) -> v1::PreparedStep {
    let (change, refusal, refusal_path) = match change {
        Ok(change) => (Some(change), String::new(), String::new()),
        Err(refused) => (None, refused.reason, refused.path.unwrap_or_default()),
    };
    v1::PreparedStep {
        step_id: step.to_string(),
        risk_context: context.as_ref().map(Wire::to_proto),
        timeout: action.map(|action| action.timeout().to_proto()),
        typical: action.map(|action| action.typical().to_proto()),
        read_only: change.as_ref().is_some_and(Change::read_only),
        mutates: change.as_ref().is_some_and(Change::mutates),
        change: change.as_ref().map(Wire::to_proto),
        lasts: lasts.as_ref().map(Wire::to_proto),
        refusal,
        refusal_path,
    }
}

fn check(catalogue: &Catalogue, item: v1::PrepareItem) -> Result<Checked, Status> {
    let step: StepId = item
        .step_id
        .parse()
        .map_err(|error| Status::invalid_argument(format!("items.step_id: {error}")))?;
    let params: Params = serde_json::from_str(&item.parameters_json)
        .map_err(|error| Status::invalid_argument(format!("items[{step}].parameters_json is not a JSON object: {error}")))?;
    let Some(action) = catalogue.find(&item.action) else {
        let known: Vec<&str> = catalogue.iter().map(|action| action.name()).collect();
        let refused = Refused::because(format!("action {:?} is not in the catalogue: {}", item.action, known.join(", ")));
        return Ok(Checked {
            step,
            item: Err((None, refused)),
        });
    };
    let checked = match violation(action.as_ref(), &params) {
        None => Ok((action.clone(), params)),
        // It is checked again when it is known where its object is.
        Some(_) if unplaced(action.as_ref(), &params).is_some() => Ok((action.clone(), params)),
        Some(refused) => Err((Some(action.clone()), refused)),
    };
    Ok(Checked { step, item: checked })
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
