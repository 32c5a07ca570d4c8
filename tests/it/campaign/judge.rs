//! The judge: the API server's record of what was asked of it, against what the log says was wanted and allowed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::{
    approval::GateState,
    change::{Call, Change, Operation},
    envelope::Recorded,
    event::{Direction, Event},
    id::PlanId,
    incident::Incident,
    invariant::check_log,
    plan::{Plan, Step},
    workflow::{Run, StepState},
};
use paramedic_simulator::AuditEntry;
use serde_json::{Value, json};

/// What was found.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) workflows: BTreeMap<String, usize>,
    pub(crate) applied: usize,
    pub(crate) undone: usize,
    pub(crate) outside: usize,
    /// Deletions that the API server was asked for again while the object was going: no second effect.
    pub(crate) repeated: usize,
    pub(crate) violations: Vec<String>,
}

/// A request to the API server that a step may make.
struct Wanted {
    verb: &'static str,
    name: String,
    body: Value,
}

/// What is judged: the cluster's record, and the keys under which the outside system did something, in its order.
pub(crate) struct Judge {
    entries: Vec<(AuditEntry, bool)>,
    outside: Vec<(String, bool)>,
    verdict: Verdict,
}

impl Judge {
    pub(crate) fn of(entries: Vec<AuditEntry>, outside: Vec<String>) -> Self {
        Self {
            entries: entries.into_iter().map(|entry| (entry, false)).collect(),
            outside: outside.into_iter().map(|key| (key, false)).collect(),
            verdict: Verdict::default(),
        }
    }

    /// Judges an incident: every plan that its log holds.
    pub(crate) fn incident(&mut self, incident: &Incident, log: &[Recorded]) {
        let id = &incident.id;
        for violation in check_log(log) {
            self.broken(format!("{id}: {violation}"));
        }
        if incident.misfits > 0 {
            self.broken(format!("{id}: {} events did not fit the state they met", incident.misfits));
        }
        if incident.end.is_none() {
            self.broken(format!("{id} did not end"));
        }
        let mut state = Incident::new(incident.cluster.clone(), id.clone());
        for recorded in log {
            if matches!(recorded.envelope.event, Event::PlanProposed { .. }) {
                self.superseded(&state);
            }
            if state.apply(recorded).is_err() {
                self.broken(format!("{id}: event {} does not fold", recorded.envelope.seq));
                return;
            }
        }
        if let (Some(plan), Some(run)) = (&incident.plan, &incident.run) {
            self.workflow(incident, plan, run, log);
        }
        // An earlier plan's steps are judged by the log up to the next plan.
        let mut earlier = Incident::new(incident.cluster.clone(), id.clone());
        for recorded in log {
            if matches!(recorded.envelope.event, Event::PlanProposed { .. })
                && let (Some(plan), Some(run)) = (earlier.plan.clone(), earlier.run.clone())
            {
                self.workflow(&earlier, &plan, &run, log);
            }
            earlier.apply(recorded).ok();
        }
    }

    /// A plan that another one follows has ended.
    fn superseded(&mut self, before: &Incident) {
        if before.run.as_ref().is_some_and(|run| run.ended.is_none()) {
            self.broken(format!("{}: a plan was proposed while another one ran", before.id));
        }
    }

    fn workflow(&mut self, incident: &Incident, plan: &Plan, run: &Run, log: &[Recorded]) {
        let outcome = run.ended.as_ref().map(|(outcome, _)| format!("{outcome:?}"));
        if outcome.is_none() {
            self.broken(format!("{}: the workflow of {} did not end", incident.id, plan.id));
        }
        *self.verdict.workflows.entry(outcome.unwrap_or("none".into())).or_insert(0) += 1;
        let mut effects = Vec::new();
        for step in &plan.steps {
            let times = Times::of(&plan.id, step, log);
            let changed = self.step(incident, plan, run, step, &times);
            effects.extend(changed.map(|(applied, undone)| (&step.id, applied, undone)));
        }
        // What came last goes first, as the API server saw it.
        for (one, applied, undone) in &effects {
            for (other, later, undone_later) in &effects {
                if applied < later && undone < undone_later {
                    self.broken(format!(
                        "{}: {one} was put back before {other}, which was applied after it",
                        incident.id
                    ));
                }
            }
        }
    }

    /// When it was applied and put back, if it was both.
    fn step(&mut self, incident: &Incident, plan: &Plan, run: &Run, step: &Step, times: &Times) -> Option<(Timestamp, Timestamp)> {
        let at = format!("{} {}/{}", incident.id, plan.id, step.id);
        let state = &run.steps[&step.id].state;
        if matches!(
            state,
            StepState::Running { .. } | StepState::Undoing { .. } | StepState::UndoFailed { .. }
        ) {
            self.broken(format!("{at} was left as {state:?}"));
        }
        if let Change::Call(Call::Request(_)) = &step.change {
            self.outside(&at, plan, step, state);
        }
        // What travelled in another step's patch and must not stay is put back by itself.
        if let Change::Carried { part: Some(part), .. } = &step.change {
            let (_, undo) = requests(&Operation::Patch((**part).clone()));
            let undone = undo.map(|undo| self.find(&undo).len()).unwrap_or_default();
            self.verdict.undone += undone;
            if undone > 1 {
                self.broken(format!("{at} was put back {undone} times"));
            }
        }
        let mut both = None;
        for operation in step.change.operations() {
            let (forward, undo) = requests(&operation);
            let applied = self.find(&forward);
            let undone = undo.map(|undo| self.find(&undo)).unwrap_or_default();
            for time in &applied {
                self.allowed(&at, *time, incident, plan, step, times);
            }
            for time in &undone {
                if times.undo_started.is_none_or(|started| started > *time) && times.expired.is_none() {
                    self.broken(format!("{at}: undone at {time}, before the log said that it would be"));
                }
            }
            both = both.or(applied.last().copied().zip(undone.first().copied()));
            // A deletion is of one UID: asked for twice, it still happens once.
            let deletes = matches!(operation, Operation::Delete(_) | Operation::Evict(_));
            if deletes && applied.len() > 1 {
                self.verdict.repeated += applied.len() - 1;
            }
            let (applied, undone) = (if deletes { applied.len().min(1) } else { applied.len() }, undone.len());
            self.verdict.applied += applied;
            self.verdict.undone += undone;
            let right = match state {
                StepState::Succeeded if times.expired.is_some() => applied == 1 && undone <= 1,
                StepState::Succeeded => applied == 1 && undone == 0,
                StepState::Undone if deletes => applied <= 1,
                StepState::Undone => applied <= 1 && applied == undone,
                _ => applied == 0 && undone == 0,
            };
            if !right {
                let target = operation.target();
                self.broken(format!(
                    "{at} is {state:?}, but {target} was changed {applied} and put back {undone} times"
                ));
            }
        }
        both
    }

    /// A change needs a worker that said so before, and the approval of its gate before that.
    fn allowed(&mut self, at: &str, time: Timestamp, incident: &Incident, plan: &Plan, step: &Step, times: &Times) {
        if times.started.is_none_or(|started| started > time) {
            self.broken(format!("{at}: changed at {time}, before the log said that it would be"));
        }
        let Some(gate) = step.gate.as_ref() else { return };
        let approved = match incident.gates.get(gate) {
            Some(GateState::Granted { approvals, .. }) => approvals
                .iter()
                .any(|approval| Some(approval.digest) == plan.gate(gate).map(|gate| gate.digest)),
            _ => false,
        };
        if !approved || times.granted.is_none_or(|granted| granted > time) {
            self.broken(format!("{at}: changed at {time} without an approval of {gate}"));
        }
        if times.finished.is_some_and(|finished| finished < time) {
            self.broken(format!("{at}: changed at {time}, after the workflow had ended"));
        }
    }

    fn outside(&mut self, at: &str, plan: &Plan, step: &Step, state: &StepState) {
        let key = format!("{}/{}", plan.id, step.id);
        let mut place = |key: &str| {
            let found = self.outside.iter().position(|(known, _)| known == key)?;
            self.outside[found].1 = true;
            Some(found)
        };
        let (applied, undone) = (place(&key), place(&format!("{key}/undo")));
        self.verdict.outside += usize::from(applied.is_some()) + usize::from(undone.is_some());
        let right = match state {
            StepState::Succeeded => applied.is_some() && undone.is_none(),
            StepState::Undone => applied < undone,
            _ => applied.is_none() && undone.is_none(),
        };
        if !right {
            self.broken(format!("{at} is {state:?}, but the outside system did {:?}", self.outside));
        }
    }

    /// When the API server did it, as often as it did.
    fn find(&mut self, wanted: &Wanted) -> Vec<Timestamp> {
        let fits = |entry: &AuditEntry| {
            let body = match wanted.verb {
                "delete" => entry.body.pointer("/preconditions/uid") == Some(&wanted.body),
                "patch" => without_version(&entry.body) == wanted.body,
                _ => entry.body == wanted.body,
            };
            entry.verb == wanted.verb && entry.path.contains(&wanted.name) && body
        };
        let mut times = Vec::new();
        for (entry, explained) in &mut self.entries {
            if fits(entry) {
                *explained = true;
                times.push(entry.time);
            }
        }
        times
    }

    /// What nobody wanted.
    pub(crate) fn finish(mut self) -> Verdict {
        let unexplained: Vec<String> = self
            .entries
            .iter()
            .filter(|(_, explained)| !explained)
            .map(|(entry, _)| {
                format!(
                    "no step asked for this: {} {} {} {}",
                    entry.time, entry.verb, entry.path, entry.body
                )
            })
            .collect();
        self.verdict.violations.extend(unexplained);
        let strange = self.outside.iter().filter(|(_, explained)| !explained);
        let strange = strange.map(|(key, _)| format!("no step asked the outside system for {key}"));
        self.verdict.violations.extend(strange);
        self.verdict
    }

    pub(crate) fn broken(&mut self, what: String) {
        self.verdict.violations.push(what);
    }
}

/// A patch without the test of the version that its worker looked at right before, which no plan can know.
fn without_version(body: &Value) -> Value {
    let version = |operation: &Value| operation["op"] == "test" && operation["path"] == "/metadata/resourceVersion";
    match body.as_array() {
        Some(operations) => operations.iter().filter(|operation| !version(operation)).cloned().collect(),
        None => body.clone(),
    }
}

/// The request that an operation is, and the one that puts it back.
fn requests(operation: &Operation) -> (Wanted, Option<Wanted>) {
    let target = operation.target();
    let wanted = |verb, body| Wanted {
        verb,
        name: format!("/{}", target.name),
        body,
    };
    match operation {
        Operation::Patch(patch) => (wanted("patch", json!(patch.patch)), Some(wanted("patch", json!(patch.undo)))),
        Operation::Delete(_) => (wanted("delete", json!(target.uid)), None),
        Operation::Create(creation) => (
            Wanted {
                verb: "create",
                name: String::new(),
                body: creation.object.clone(),
            },
            None,
        ),
        Operation::Evict(_) => {
            let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": target.name, "namespace": target.namespace},
                "deleteOptions": {"preconditions": {"uid": target.uid}}});
            (wanted("create", body), None)
        }
        // Its content is in no plan, so it could not be compared.
        Operation::Record(_) => unreachable!("no plan of the campaign rolls a Helm release back"),
    }
}

/// When the log says what of a step.
#[derive(Default)]
struct Times {
    started: Option<Timestamp>,
    undo_started: Option<Timestamp>,
    granted: Option<Timestamp>,
    expired: Option<Timestamp>,
    finished: Option<Timestamp>,
}

impl Times {
    fn of(plan: &PlanId, step: &Step, log: &[Recorded]) -> Self {
        let mut times = Self::default();
        for recorded in log {
            let time = recorded.envelope.time;
            let (place, of_plan, of_step) = match &recorded.envelope.event {
                Event::StepStarted { plan, step, direction, .. } => match direction {
                    Direction::Forward => (&mut times.started, plan, Some(step)),
                    Direction::Undo => (&mut times.undo_started, plan, Some(step)),
                },
                Event::ApprovalGranted { plan, decision } if step.gate.as_ref() == Some(&decision.gate) => (&mut times.granted, plan, None),
                Event::StepExpired { plan, step, .. } => (&mut times.expired, plan, Some(step)),
                Event::WorkflowFinished { plan, .. } => (&mut times.finished, plan, None),
                _ => continue,
            };
            if of_plan == plan && of_step.is_none_or(|this| *this == step.id) {
                place.get_or_insert(time);
            }
        }
        times
    }
}
