//! A small incident with a plan of gated steps, for the tests of this crate.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    alert::Severity,
    approval::{Answer, Channel},
    change::{Change, DryRun, FieldChange, ObjectPatch, Wait},
    digest::Digest,
    envelope::Recorded,
    event::{Event, FailureCause, WorkflowOutcome},
    fault::FailureKind,
    id::{ClusterId, GateId, IncidentId, PlanId, StepId},
    incident::Incident,
    object::ObjectRef,
    plan::{Gate, Plan, Rollback, Step, gate_digest},
    request::{ChangeRequest, What},
    risk::{Risk, RiskLevel},
    terms::Terms,
};
use paramedic_people::Standing;

use super::decide::Vote;

/// `seconds` after the fixture's start.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

/// The gate of step `n` of `plan`.
pub(crate) fn gate_id(plan: &PlanId, n: usize) -> GateId {
    GateId::derive(&[plan.as_str(), &n.to_string()])
}

/// A vote that fits gate `n` of the current plan.
pub(crate) fn vote(incident: &Incident, n: usize, answer: Answer) -> Vote {
    let gate = &incident.plan.as_ref().unwrap().gates[n];
    Vote {
        gate: gate.id.clone(),
        digest: gate.digest,
        answer,
        channel: Channel::Cli,
        reason: "looks right".into(),
    }
}

/// Somebody where nobody is checked.
pub(crate) fn anybody(id: &str) -> Standing {
    Standing::unchecked(id)
}

/// An incident and its log.
pub(crate) struct Log {
    pub(crate) incident: Incident,
    pub(crate) recorded: Vec<Recorded>,
}

impl Log {
    /// Opened, with a plan of `gates` gated steps that nobody was asked about.
    pub(crate) fn with_plan(gates: usize) -> Self {
        Self::with_quorum(gates, 1)
    }

    /// The same with a quorum.
    pub(crate) fn with_quorum(gates: usize, quorum: u32) -> Self {
        Self::of("fixture", gates, quorum)
    }

    /// The same of another incident.
    pub(crate) fn named(name: &str, gates: usize) -> Self {
        Self::of(name, gates, 1)
    }

    fn of(name: &str, gates: usize, quorum: u32) -> Self {
        let cluster: ClusterId = "prod-eu".parse().unwrap();
        let incident = Incident::new(cluster, IncidentId::derive(&[name]));
        let mut log = Self {
            incident,
            recorded: Vec::new(),
        };
        let opened = Event::IncidentOpened {
            title: "OOMKilled payment-service".into(),
            severity: Severity::Critical,
            alerts: Vec::new(),
            traceparent: None,
            request: None,
        };
        log.push(opened, at(-60));
        log.push(Event::AnalysisStarted { attempt: 1 }, at(-50));
        log.push(
            Event::PlanProposed {
                plan: Box::new(plan(1, gates, quorum)),
            },
            at(-10),
        );
        log
    }

    /// Every gate was asked at second 0.
    pub(crate) fn waiting(gates: usize) -> Self {
        Self::waiting_with_quorum(gates, 1)
    }

    /// The same with a quorum.
    pub(crate) fn waiting_with_quorum(gates: usize, quorum: u32) -> Self {
        let mut log = Self::with_quorum(gates, quorum);
        for event in super::gates::ask(&log.incident, at(0)) {
            log.push(event, at(0));
        }
        log
    }

    pub(crate) fn push(&mut self, event: Event, time: Timestamp) {
        let envelope = self.incident.next_envelope(event, time, None);
        let digest = Digest::of_json(&envelope);
        let recorded = Recorded { envelope, digest };
        self.incident.apply(&recorded).unwrap();
        self.recorded.push(recorded);
    }

    /// A person asked for the change.
    pub(crate) fn ask_for_it(&mut self, person: &str) {
        let Some(Event::IncidentOpened { request, .. }) = self.recorded.first_mut().map(|first| &mut first.envelope.event) else {
            panic!("the incident was opened first")
        };
        *request = Some(ChangeRequest {
            id: "release-17".parse().unwrap(),
            by: person.to_owned(),
            on_behalf_of: String::new(),
            what: What::SetImage {
                target: ObjectRef::new("apps/v1", "Deployment", Some("production"), "payment-service"),
                container: None,
                image: "payment-service:2".into(),
            },
        });
        self.incident.request.clone_from(request);
    }

    /// The same in the log: before anybody was asked.
    pub(crate) fn rewrite_terms(&mut self, edit: impl Fn(&mut Terms)) {
        let Some(Event::PlanProposed { plan }) = self.recorded.last_mut().map(|last| &mut last.envelope.event) else {
            panic!("the plan is the last event")
        };
        for gate in &mut plan.gates {
            edit(&mut gate.terms);
        }
        self.edit_terms(edit);
    }

    /// Other terms for every gate, as if policy had asked like that.
    pub(crate) fn edit_terms(&mut self, edit: impl Fn(&mut Terms)) {
        let mut plan = self.incident.plan.as_deref().unwrap().clone();
        for gate in &mut plan.gates {
            edit(&mut gate.terms);
        }
        self.incident.plan = Some(std::sync::Arc::new(plan));
    }

    pub(crate) fn end(&mut self, time: Timestamp) {
        let event = Event::IncidentCancelled {
            by: "ann".into(),
            reason: "false alarm".into(),
        };
        self.push(event, time);
    }

    /// The run fails on drift and a second plan replaces the first.
    pub(crate) fn replan(&mut self, time: Timestamp) {
        let finished = Event::WorkflowFinished {
            plan: self.incident.plan.as_ref().unwrap().id.clone(),
            outcome: WorkflowOutcome::RolledBack,
            cause: Some(FailureCause::StepFailed {
                step: "step-0".parse().unwrap(),
                kind: FailureKind::Drift,
            }),
        };
        self.push(finished, time);
        self.push(
            Event::PlanProposed {
                plan: Box::new(plan(2, 1, 1)),
            },
            time,
        );
    }
}

fn plan(attempt: u32, gates: usize, quorum: u32) -> Plan {
    let id = PlanId::derive(&["fixture", &attempt.to_string()]);
    let steps: Vec<Step> = (0..gates).map(|n| step(&id, n)).collect();
    let gates = steps
        .iter()
        .enumerate()
        .map(|(n, step)| Gate {
            id: gate_id(&id, n),
            steps: vec![step.id.clone()],
            digest: gate_digest(&id, &[step]),
            risk: RiskLevel::Medium,
            reason: "it changes production".into(),
            terms: Terms {
                quorum,
                expires_after: Duration::from_secs(1800),
                ..Terms::default()
            },
        })
        .collect();
    Plan {
        id,
        attempt,
        summary: "raise the memory limit".into(),
        levels: vec![steps.iter().map(|step| step.id.clone()).collect()],
        critical_path: steps.iter().take(1).map(|step| step.id.clone()).collect(),
        steps,
        gates,
        longest: Duration::from_secs(600),
        rollback: Rollback::Automatic,
        criteria: Vec::new(),
        notes: Vec::new(),
        chosen: 0,
        policy: None,
        deadline: None,
        estimate: None,
        options: Vec::new(),
    }
}

fn step(plan: &PlanId, n: usize) -> Step {
    let id: StepId = format!("step-{n}").parse().unwrap();
    let mut target = ObjectRef::new("apps/v1", "Deployment", Some("production"), "payment-service");
    target.uid = Some("7d3f5a52-1c1e-4a4e-9d0e-6a1f0e3c9b11".into());
    Step {
        action: "increase_resources".into(),
        description: "Raise the memory limit".into(),
        rationale: "the limit is reached every 30 h".into(),
        parameters: serde_json::Map::new(),
        depends_on: Vec::new(),
        change: Change::Patch(ObjectPatch {
            target,
            patch: json_patch::Patch(Vec::new()),
            undo: json_patch::Patch(Vec::new()),
            diff: vec![FieldChange {
                path: "spec.template.spec.containers[app].resources.limits.memory".into(),
                from: Some("2Gi".into()),
                to: Some(format!("{}Gi", 3 + n)),
            }],
            dry_run: DryRun::Accepted { warnings: Vec::new() },
            wait: Wait::Rollout,
            irreversible: None,
            owner: None,
            subresource: None,
        }),
        risk: Risk {
            level: RiskLevel::Medium,
            reasons: vec!["changes the pod template: 4 pods are replaced".into()],
        },
        context: Some(paramedic_domain::risk::Context::default()),
        policy: "it changes production".into(),
        gate: Some(gate_id(plan, n)),
        timeout: Duration::from_secs(600),
        id,
        estimate: None,
        lasts: None,
    }
}
