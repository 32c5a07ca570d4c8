//! The record that plans learn from: documents of a key-value bucket, and what one event adds to them.
//!
//! Every document remembers which events it has taken in, so that an event that is delivered again changes nothing.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    envelope::Recorded,
    event::{Direction, Event, FailureCause, WorkflowOutcome},
    id::StepId,
    incident::Incident,
    object::ObjectRef,
    plan::{Estimate, Plan},
    verification::Verdict,
    workflow::Run,
};
use serde::{Deserialize, Serialize};

use super::{
    cooldown::{Outcome, Remediation},
    experience::{Success, kind, remedies},
};

/// Samples of one duration: the median of fifty moves when the cluster changes and does not jump with one slow run.
const SAMPLES: usize = 50;
/// Events that a count remembers: deliveries of one event come within minutes of each other, not hundreds of incidents apart.
const SEEN: usize = 256;
/// Remediations of one target: more than any window of the configuration would need.
const REMEDIATIONS: usize = 20;

/// Times that one action took on one kind of target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    samples: Vec<Sample>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The event that told it: `<incident>:<sequence>`.
    pub event: String,
    /// How long.
    pub milliseconds: u64,
}

impl Durations {
    /// Adds a run; nothing when it is known.
    pub fn add(&mut self, sample: Sample) {
        if self.samples.iter().any(|known| known.event == sample.event) {
            return;
        }
        self.samples.push(sample);
        let surplus = self.samples.len().saturating_sub(SAMPLES);
        self.samples.drain(..surplus);
    }

    /// The median; of an even number the upper one of the two in the middle.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        let mut sorted: Vec<u64> = self.samples.iter().map(|sample| sample.milliseconds).collect();
        sorted.sort_unstable();
        let typical = Duration::from_millis(*sorted.get(sorted.len() / 2)?);
        Some(Estimate {
            typical,
            samples: u32::try_from(sorted.len()).unwrap_or(u32::MAX),
        })
    }
}

/// How an action fared against a category.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fortunes {
    tried: u32,
    verified: u32,
    seen: Vec<String>,
}

impl Fortunes {
    /// Adds a verdict; nothing when the event is known.
    pub fn add(&mut self, event: &str, verified: bool) {
        if self.seen.iter().any(|known| known == event) {
            return;
        }
        self.tried += 1;
        self.verified += u32::from(verified);
        self.seen.push(event.to_owned());
        let surplus = self.seen.len().saturating_sub(SEEN);
        self.seen.drain(..surplus);
    }

    /// The counts.
    #[must_use]
    pub fn success(&self) -> Success {
        Success {
            tried: self.tried,
            verified: self.verified,
        }
    }
}

/// Remediations of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remediations {
    /// The oldest first.
    pub list: Vec<Remediation>,
}

impl Remediations {
    /// Adds one, or replaces what is known of the same plan; a verdict is never taken back by a late repetition.
    pub fn add(&mut self, news: Remediation) {
        match self.list.iter_mut().find(|known| known.plan == news.plan) {
            Some(known) => {
                if !matches!(known.result, Outcome::Verified { .. }) {
                    *known = news;
                }
            }
            None => self.list.push(news),
        }
        self.list.sort_by_key(|one| one.at);
        let surplus = self.list.len().saturating_sub(REMEDIATIONS);
        self.list.drain(..surplus);
    }
}

/// What one event tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lesson {
    /// `<incident>:<sequence>` of the event.
    pub event: String,
    /// Runs by action and kind.
    pub durations: Vec<(String, String, Sample)>,
    /// Whether the plan's actions helped, once that is known.
    pub helped: Option<bool>,
    /// The remediation and its target, if anything was changed.
    pub remediation: Option<(ObjectRef, Remediation)>,
}

/// What the event at `seq` of a log tells, read with everything before it.
#[must_use]
pub fn lesson(log: &[Recorded], seq: u64) -> Lesson {
    let mut lesson = Lesson::default();
    let Some(first) = log.first() else { return lesson };
    let mut before = Incident::new(first.envelope.cluster.clone(), first.envelope.incident.clone());
    for recorded in log.iter().take_while(|recorded| recorded.envelope.seq < seq) {
        if before.apply(recorded).is_err() {
            return lesson;
        }
    }
    let Some(told) = log.iter().find(|recorded| recorded.envelope.seq == seq) else {
        return lesson;
    };
    lesson.event = format!("{}:{seq}", before.id);
    let (Some(plan), Some(run)) = (&before.plan, &before.run) else {
        return lesson;
    };
    let at = told.envelope.time;
    let (result, helped) = match &told.envelope.event {
        Event::WorkflowFinished { plan: of, outcome, cause } if *of == plan.id => {
            lesson.durations = durations(log, plan, &before.id.to_string());
            workflow(*outcome, cause.as_ref())
        }
        Event::VerificationPassed { .. } => verified(Verdict::Passed),
        Event::VerificationFailed { .. } => verified(Verdict::Failed),
        Event::VerificationInconclusive { .. } => verified(Verdict::Inconclusive),
        _ => return lesson,
    };
    let actions = changed(plan, run);
    if let (Some(diagnosis), Some(result), false) = (&before.diagnosis, result, actions.is_empty()) {
        let remediation = Remediation {
            incident: before.id.clone(),
            plan: plan.id.clone(),
            at: run.ended_at.unwrap_or(at),
            category: diagnosis.category,
            actions,
            result,
        };
        lesson.helped = helped;
        lesson.remediation = Some((diagnosis.target.clone(), remediation));
    }
    lesson
}

/// What the end of a workflow says; people who stopped it, or the world that moved, say nothing about the actions.
fn workflow(outcome: WorkflowOutcome, cause: Option<&FailureCause>) -> (Option<Outcome>, Option<bool>) {
    let own_fault = match cause {
        Some(FailureCause::StepFailed { kind, .. }) => *kind != paramedic_domain::fault::FailureKind::Drift,
        Some(FailureCause::Deadline) => true,
        Some(FailureCause::Denied { .. } | FailureCause::Expired { .. } | FailureCause::Cancelled | FailureCause::Superseded) | None => {
            false
        }
    };
    match outcome {
        WorkflowOutcome::Succeeded => (Some(Outcome::Applied), None),
        WorkflowOutcome::RolledBack | WorkflowOutcome::Failed | WorkflowOutcome::Stuck if own_fault => (Some(Outcome::Failed), Some(false)),
        // its effects stay, so the target was touched
        WorkflowOutcome::Failed | WorkflowOutcome::Stuck => (Some(Outcome::Applied), None),
        WorkflowOutcome::RolledBack | WorkflowOutcome::Cancelled => (None, None),
    }
}

fn verified(verdict: Verdict) -> (Option<Outcome>, Option<bool>) {
    (Some(Outcome::Verified { verdict }), Some(verdict == Verdict::Passed))
}

/// Actions whose steps were begun and change something, alone or inside of another step's patch.
fn changed(plan: &Plan, run: &Run) -> BTreeSet<String> {
    let begun = |id: &StepId| run.steps.get(id).is_some_and(|step| step.started.is_some());
    let changes = |step: &paramedic_domain::plan::Step| match &step.change {
        paramedic_domain::change::Change::Carried { by, .. } => begun(by),
        change => remedies(change) && begun(&step.id),
    };
    plan.steps
        .iter()
        .filter(|step| changes(step))
        .map(|step| step.action.clone())
        .collect()
}

/// From the start of the attempt that succeeded to its success.
fn durations(log: &[Recorded], plan: &Plan, incident: &str) -> Vec<(String, String, Sample)> {
    let mut found = Vec::new();
    for recorded in log {
        let Event::StepSucceeded {
            plan: of, step, attempt, ..
        } = &recorded.envelope.event
        else {
            continue;
        };
        let (Some(planned), true) = (plan.step(step), *of == plan.id) else {
            continue;
        };
        if let Some(started) = started(log, plan, step, *attempt) {
            let took = recorded.envelope.time.duration_since(started).max(SignedDuration::ZERO);
            let sample = Sample {
                event: format!("{incident}:{}", recorded.envelope.seq),
                milliseconds: u64::try_from(took.as_millis()).unwrap_or(0),
            };
            found.push((planned.action.clone(), kind(&planned.change).to_owned(), sample));
        }
    }
    found
}

fn started(log: &[Recorded], plan: &Plan, id: &StepId, number: u32) -> Option<Timestamp> {
    log.iter().find_map(|recorded| match &recorded.envelope.event {
        Event::StepStarted {
            plan: of,
            step,
            direction: Direction::Forward,
            attempt,
            ..
        } if *of == plan.id && step == id && *attempt == number => Some(recorded.envelope.time),
        _ => None,
    })
}
