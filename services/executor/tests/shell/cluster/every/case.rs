//! One action on a stage that several share, judged by what its change says it does.

use paramedic_bus::consume::Verdict;
use paramedic_domain::{
    change::{Change, Operation},
    event::{Direction, Event},
    object::ObjectRef,
    plan::Plan,
    workflow::StepState,
};
use paramedic_simulator::store::Gvr;
use paramedic_testkit::eventually;
use serde_json::{Value, json};

use crate::{
    faults::{dying, losing},
    recommended::{Wanted, prepare, propose},
    stage::Stage,
};

/// An action with what it needs.
pub(crate) struct Case {
    pub(crate) action: &'static str,
    given: Vec<Value>,
    before: fn(&Stage),
    params: Box<dyn Fn(&Stage) -> Value + Send + Sync>,
    check: fn(&Seen),
}

/// What was seen of the objects that the action names, in the order of its effects.
pub(crate) struct Seen {
    pub(crate) before: Vec<Value>,
    pub(crate) between: Vec<Value>,
    /// As `between` when there is nothing to undo.
    pub(crate) after: Vec<Value>,
    /// What the worker said of it.
    pub(crate) summary: String,
}

impl Case {
    pub(crate) fn of(action: &'static str, params: Value) -> Self {
        Self::with(action, move |_| params.clone())
    }

    /// With parameters that depend on what is there.
    pub(crate) fn with(action: &'static str, params: impl Fn(&Stage) -> Value + Send + Sync + 'static) -> Self {
        Self {
            action,
            given: Vec::new(),
            before: |_| {},
            params: Box::new(params),
            check: |_| {},
        }
    }

    /// Somebody created these objects.
    pub(crate) fn given(mut self, objects: impl IntoIterator<Item = Value>) -> Self {
        self.given.extend(objects);
        self
    }

    /// Somebody did this.
    pub(crate) fn before(mut self, happened: fn(&Stage)) -> Self {
        self.before = happened;
        self
    }

    /// What must be seen besides that it happened once.
    pub(crate) fn seen(mut self, check: fn(&Seen)) -> Self {
        self.check = check;
        self
    }
}

/// Runs the cases one after the other, each as an incident of its own.
pub(crate) async fn all(stage: &mut Stage, cases: Vec<Case>) {
    for (number, case) in cases.into_iter().enumerate() {
        let begun = Begun::new(stage, number, &case).await;
        let forward = begun.forward(stage).await;
        begun.back(stage, &case, forward).await;
    }
}

/// A case whose plan is approved.
pub(crate) struct Begun {
    plan: Plan,
    before: Vec<Value>,
}

/// What its effect left behind.
pub(crate) struct Forward {
    between: Vec<Value>,
    summary: String,
}

impl Begun {
    pub(crate) async fn new(stage: &mut Stage, number: usize, case: &Case) -> Self {
        stage.incident_id = format!("inc_{number}").parse().unwrap();
        stage.open().await;
        given(stage, &case.given).await;
        let wanted = |stage: &Stage| -> [Wanted; 1] { [(case.action, case.action, (case.params)(stage), &[])] };
        let mut waited = paramedic_testkit::Backoff::new(std::time::Duration::from_secs(30));
        loop {
            // Again each time: a controller that was at work on the object may have had the last word.
            (case.before)(stage);
            let refusal = prepare(stage, &wanted(stage)).await.steps.remove(0).refusal;
            if refusal.is_empty() {
                break;
            }
            assert!(waited.pause().await, "{}: {refusal}", case.action);
        }
        let plan = propose(stage, &wanted(stage)).await;
        assert_eq!(plan.steps[0].change.rejected(), None, "{}", case.action);
        stage.approve().await;
        let before = look(stage, &plan).await;
        Self { plan, before }
    }

    /// Whether there is something to undo.
    pub(crate) fn mutates(&self) -> bool {
        self.plan.steps[0].change.mutates()
    }

    fn operations(&self) -> Vec<Operation> {
        self.plan.steps[0].change.operations()
    }

    pub(crate) async fn forward(&self, stage: &Stage) -> Forward {
        let expected: Vec<String> = self.operations().iter().map(done).collect();
        self.despite_deaths(stage, Direction::Forward, &expected).await;
        let run = stage.incident().await.run.unwrap();
        Forward {
            between: look(stage, &self.plan).await,
            summary: run.steps[&self.plan.steps[0].id].summary.clone(),
        }
    }

    /// Undoes it, if it changed something, and compares.
    pub(crate) async fn back(self, stage: &Stage, case: &Case, forward: Forward) {
        let Forward { between, summary } = forward;
        let mut after = between.clone();
        if self.mutates() {
            let cancelled = Event::IncidentCancelled {
                by: "ada@example.com".into(),
                reason: "test".into(),
            };
            stage.append(vec![cancelled]).await;
            let expected: Vec<String> = self.operations().iter().rev().filter_map(undone).collect();
            self.despite_deaths(stage, Direction::Undo, &expected).await;
            after = look(stage, &self.plan).await;
            for (index, target) in targets(&self.plan).iter().enumerate() {
                let stays = self
                    .operations()
                    .iter()
                    .any(|operation| operation.target().same_object(target) && undone(operation).is_none());
                let wanted = if stays { &between[index] } else { &self.before[index] };
                // A pod that its controller has replaced meanwhile is one too many when it comes back, and goes.
                let replaced = target.kind == "Pod" && after[index].is_null();
                assert!(
                    replaced || bare(&after[index]) == bare(wanted),
                    "{} left {target} as {}\ninstead of {}",
                    case.action,
                    bare(&after[index]),
                    bare(wanted)
                );
            }
        }
        let before = self.before;
        (case.check)(&Seen {
            before,
            between,
            after,
            summary,
        });
    }

    /// A worker dies after each effect, the last one before the outcome is in the log; then one survives, and the message comes
    /// once more.
    async fn despite_deaths(&self, stage: &Stage, direction: Direction, expected: &[String]) {
        let step = &self.plan.steps[0];
        let (lost, state) = match direction {
            Direction::Forward => ("step_succeeded", StepState::Succeeded),
            Direction::Undo => ("step_undone", StepState::Undone),
        };
        let work = stage.item(&self.plan, 0, direction, 1).await;
        let earlier = stage.mutated().len();
        let name = |which: &str| format!("{which}-{direction:?}").to_lowercase();
        let mut deaths = 0;
        loop {
            let (kit, died) = dying(&losing(&stage.kit, lost));
            let doomed = stage.worker(&kit, &name(&format!("doomed-{deaths}"))).await;
            tokio::select! {
                verdict = doomed.handle(&work) => {
                    assert!(matches!(verdict, Verdict::Reject { .. }), "{}: {verdict:?}\n{}", step.action, stage.transcript().await);
                    break;
                }
                () = died.notified() => deaths += 1,
            }
        }
        for which in ["survivor", "late"] {
            let worker = stage.worker(&stage.kit, &name(which)).await;
            assert_eq!(worker.handle(&work).await, Verdict::Done, "{}", step.action);
        }
        let reached = stage.incident().await.step_state(&step.id).cloned();
        assert_eq!(reached, Some(state), "{}\n{}", step.action, stage.transcript().await);
        let mutated = stage.mutated().split_off(earlier);
        assert_eq!(mutated, expected, "{} {direction:?}", step.action);
        assert_eq!(deaths, mutated.len(), "{}: every effect had a death after it", step.action);
    }
}

/// How the server's account names an operation.
fn done(operation: &Operation) -> String {
    match operation {
        Operation::Patch(patch) => format!("patch {}", patch.subresource.as_ref().unwrap_or(&patch.target.name)),
        Operation::Create(creation) => format!("create {}", plural(&creation.target)),
        Operation::Delete(deletion) => format!("delete {}", deletion.target.name),
        Operation::Evict(_) => "create eviction".into(),
        Operation::Record(record) => match &record.was {
            Some(_) => format!("patch {}", record.target.name),
            None => "create secrets".into(),
        },
    }
}

/// How it names its inverse, if there is one.
fn undone(operation: &Operation) -> Option<String> {
    match operation {
        Operation::Patch(patch) => patch.irreversible.is_none().then(|| done(operation)),
        Operation::Create(creation) => creation.irreversible.is_none().then(|| format!("delete {}", creation.target.name)),
        Operation::Delete(deletion) => deletion.restore.is_some().then(|| format!("create {}", plural(&deletion.target))),
        Operation::Evict(_) => None,
        Operation::Record(record) => match &record.was {
            Some(_) => Some(done(operation)),
            None => Some(format!("delete {}", record.target.name)),
        },
    }
}

fn plural(target: &ObjectRef) -> String {
    let kind = target.kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

/// The objects that a plan's step changes, each once.
fn targets(plan: &Plan) -> Vec<ObjectRef> {
    let mut targets: Vec<ObjectRef> = Vec::new();
    let change = &plan.steps[0].change;
    let read = match change {
        Change::Read { targets, .. } => targets.clone(),
        _ => Vec::new(),
    };
    for target in change.operations().iter().map(Operation::target).chain(&read) {
        if !targets.iter().any(|known| known.same_object(target)) {
            targets.push(target.clone());
        }
    }
    targets
}

async fn look(stage: &Stage, plan: &Plan) -> Vec<Value> {
    let mut seen = Vec::new();
    for target in targets(plan) {
        seen.push(stage.cluster().get(&target).await.unwrap_or(Value::Null));
    }
    seen
}

/// What an action may change and an undo has to put back. Annotations are not part of it: marks stay in them, and controllers
/// write there.
fn bare(object: &Value) -> Value {
    let mut spec = object["spec"].clone();
    if let Some(taints) = spec.get_mut("taints").and_then(Value::as_array_mut) {
        // Kubernetes sets its own when a node is cordoned, with the time.
        taints.retain(|taint| !taint["key"].as_str().unwrap().starts_with("node.kubernetes.io/"));
        // The API server keeps no empty list.
        if taints.is_empty() {
            spec.as_object_mut().unwrap().remove("taints");
        }
    }
    json!({"labels": object["metadata"]["labels"], "spec": spec, "data": object["data"]})
}

/// Creates objects as somebody else does.
pub(crate) async fn given(stage: &Stage, objects: &[Value]) {
    for object in objects {
        let target = paramedic_catalogue::prepare::reference(object).unwrap();
        stage.cluster().create(&target, object, false).await.unwrap();
        if target.kind == "CustomResourceDefinition" {
            let gvr = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
            eventually!(
                stage
                    .store
                    .get(&gvr, None, &target.name)
                    .is_some_and(|definition| definition["status"]["conditions"].is_array())
            );
        }
    }
}

/// A namespaced kind that the cluster does not know by itself.
pub(crate) fn definition(group: &str, version: &str, kind: &str) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")},
            "versions": [{"name": version, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}
