//! The incident: what its events add up to.

mod asking;
mod fold;
mod members;
mod triage;

pub use fold::FoldError;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    alert::{Alert, AlertStatus, Priority, Severity},
    approval::GateState,
    correlation::{Membership, Position, Ranking},
    diagnosis::Diagnosis,
    digest::Digest,
    envelope::{Envelope, Recorded},
    event::{Event, Receipt, WorkflowOutcome},
    id::{ClusterId, EventId, GateId, IncidentId, PlanId},
    plan::{Plan, PlanOption, Recommendation, Refusal},
    request::ChangeRequest,
    verification::{Verdict, Verification},
    workflow::{Run, StepState},
};

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum Status {
    Open,
    Analysing,
    Planning,
    AwaitingApproval,
    Executing,
    Verifying,
    Resolved,
    Escalated,
    Cancelled,
    Merged,
}

/// The folded state of one incident's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Id.
    pub id: IncidentId,
    /// Cluster.
    pub cluster: ClusterId,
    /// Sequence of the last event; 0 before the first.
    pub version: u64,
    /// Digest of the last event's encoding.
    pub head: Digest,
    /// Id of the last event.
    pub last_event: Option<EventId>,
    /// Headline.
    pub title: String,
    /// Greatest severity among its alerts.
    pub severity: Severity,
    /// How soon people must look, once somebody said.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// `production`, ...; empty: not known.
    #[serde(default)]
    pub environment: String,
    /// Whose it is; empty: not known.
    #[serde(default)]
    pub team: String,
    /// W3C trace context of the request that opened it.
    pub traceparent: Option<String>,
    /// The change that was asked for, where no alert opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<ChangeRequest>,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
    /// Time of the last event.
    pub updated_at: Option<Timestamp>,
    /// By fingerprint.
    pub alerts: BTreeMap<String, Alert>,
    /// Alerts of it that are kept quiet, by fingerprint.
    #[serde(default)]
    pub suppressed: BTreeMap<String, Suppressed>,
    /// What is remembered of each of the alerts besides.
    #[serde(default)]
    pub members: BTreeMap<String, Membership>,
    /// When an alert last joined or began again.
    #[serde(default)]
    pub joined_at: Option<Timestamp>,
    /// How far into the stream of alerts its correlation reaches.
    #[serde(default)]
    pub position: Position,
    /// What the alerts say about the cause.
    #[serde(default)]
    pub ranking: Option<Ranking>,
    /// It is a storm, said when it had so many alerts.
    #[serde(default)]
    pub storm: Option<u32>,
    /// Investigations begun; the current one's number.
    pub attempt: u32,
    /// The current attempt's diagnosis.
    pub diagnosis: Option<Arc<Diagnosis>>,
    /// The current attempt found nothing it trusts; its reasons.
    pub inconclusive: Option<Vec<String>>,
    /// Plans proposed or refused so far.
    pub plans: u32,
    /// The current plan.
    pub plan: Option<Arc<Plan>>,
    /// Why there is no plan.
    pub refusals: Option<Vec<Refusal>>,
    /// What a person wants instead of the current plan.
    #[serde(default)]
    pub revision: Option<Revision>,
    /// Who chose or edited the present plan; `None`: nobody did, it is the planner's.
    #[serde(default)]
    pub revised_by: Option<String>,
    /// Answers of people that did not count, each once: gate, why, who.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refused: BTreeSet<String>,
    /// The current plan's gates.
    pub gates: BTreeMap<GateId, GateState>,
    /// The current plan's run.
    pub run: Option<Run>,
    /// The current run's verification.
    pub verification: Option<Verification>,
    /// Delivered messages by idempotency key.
    pub notifications: BTreeMap<String, Receipt>,
    /// Keys of messages that were given up.
    pub undeliverable: Vec<String>,
    /// A plan of it had steps whose effects must not stay.
    #[serde(default)]
    pub temporary: bool,
    /// Effects that must not stay and are gone, or that a person was told about: `plan/step`, of every plan.
    #[serde(default)]
    pub expired: BTreeSet<String>,
    /// How it ended, if it did.
    pub end: Option<End>,
    /// Events that did not fit the state they met (INV-03 counts them).
    pub misfits: u32,
}

/// Why an alert is kept quiet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// The silence, window or alert that does it, in words.
    pub by: String,
    /// When it ends, where that is known.
    pub until: Option<Timestamp>,
}

/// A person's word on what the next plan shall be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// The plan it replaces.
    pub plan: PlanId,
    /// The recommendations it starts from: those of the chosen option, with the edits in them.
    pub recommendations: Vec<Recommendation>,
    /// Every option of the replaced plan.
    pub options: Vec<PlanOption>,
    /// Index of the chosen one.
    pub chosen: u32,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The end of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// `Resolved`, `Escalated`, `Cancelled` or `Merged`.
    pub status: Status,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}
impl Incident {
    /// An incident before its first event.
    #[must_use]
    pub fn new(cluster: ClusterId, id: IncidentId) -> Self {
        Self {
            id,
            cluster,
            version: 0,
            head: Digest::ZERO,
            last_event: None,
            title: String::new(),
            severity: Severity::Info,
            priority: None,
            environment: String::new(),
            team: String::new(),
            traceparent: None,
            request: None,
            opened_at: None,
            updated_at: None,
            alerts: BTreeMap::new(),
            suppressed: BTreeMap::new(),
            members: BTreeMap::new(),
            joined_at: None,
            position: Position::default(),
            ranking: None,
            storm: None,
            attempt: 0,
            diagnosis: None,
            inconclusive: None,
            plans: 0,
            plan: None,
            refusals: None,
            revision: None,
            revised_by: None,
            refused: BTreeSet::new(),
            gates: BTreeMap::new(),
            run: None,
            verification: None,
            notifications: BTreeMap::new(),
            undeliverable: Vec::new(),
            temporary: false,
            expired: BTreeSet::new(),
            end: None,
            misfits: 0,
        }
    }
    /// The envelope that `event` would have as the next one of this log.
    #[must_use]
    pub fn next_envelope(&self, event: Event, time: Timestamp, causation: Option<EventId>) -> Envelope {
        let seq = self.version + 1;
        Envelope {
            id: EventId::derive(&[self.id.as_str(), &seq.to_string(), &self.head.to_string()]),
            cluster: self.cluster.clone(),
            incident: self.id.clone(),
            seq,
            time,
            causation,
            schema: crate::envelope::SCHEMA_VERSION,
            previous: self.head,
            event,
        }
    }
    /// The incident as it will stand once these events, decided together at `time`, are in its log. It is for deciding what
    /// follows from them: its head is not that of a log.
    #[must_use]
    pub fn foresee(&self, events: &[Event], time: Timestamp, causation: Option<&EventId>) -> Self {
        let mut after = self.clone();
        for event in events {
            after.follow(event, time, causation);
        }
        after
    }

    /// As [`foresee`](Self::foresee), of one event and without a copy of all that the incident has.
    pub fn follow(&mut self, event: &Event, time: Timestamp, causation: Option<&EventId>) {
        let envelope = self.next_envelope(event.clone(), time, causation.cloned());
        let digest = Digest::of(&envelope.seq.to_be_bytes());
        // An event made from this very state is its next one.
        self.apply(&Recorded { envelope, digest }).ok();
    }

    /// Where the incident stands.
    #[must_use]
    pub fn status(&self) -> Status {
        if let Some(end) = &self.end {
            return end.status;
        }
        if let Some(run) = &self.run {
            return match &run.ended {
                Some((WorkflowOutcome::Succeeded, _)) => Status::Verifying,
                Some(_) => Status::Planning,
                None if !run.busy()
                    && self
                        .gates
                        .values()
                        .any(|gate| matches!(gate, GateState::Waiting { .. } | GateState::Planned)) =>
                {
                    Status::AwaitingApproval
                }
                None => Status::Executing,
            };
        }
        match (self.attempt, &self.diagnosis) {
            (0, _) => Status::Open,
            (_, None) => Status::Analysing,
            (_, Some(_)) => Status::Planning,
        }
    }

    /// Alerts that still fire.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values().filter(|alert| alert.status == AlertStatus::Firing)
    }

    /// Whether every gate of `step` (or none) lets it run: granted with the digest of the plan's exact changes.
    #[must_use]
    pub fn gate_open(&self, step: &crate::plan::Step) -> bool {
        step.gate
            .as_ref()
            .is_none_or(|gate| matches!(self.gates.get(gate), Some(GateState::Granted { .. })))
    }

    /// Whether the last verification passed.
    #[must_use]
    pub fn verified(&self) -> bool {
        self.verification
            .as_ref()
            .is_some_and(|verification| verification.verdict == Verdict::Passed)
    }

    /// Steps in a state, for displays.
    #[must_use]
    pub fn step_state(&self, step: &crate::id::StepId) -> Option<&StepState> {
        self.run.as_ref()?.steps.get(step).map(|run| &run.state)
    }
}
