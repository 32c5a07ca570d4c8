//! Which incident, diagnosis and plan of a case are judged.

use jiff::Timestamp;
use paramedic_domain::{alert::Alert, diagnosis::Diagnosis, event::Event, incident::Status, plan::Plan, verification::Verification};
use paramedic_simulator::{AuditEntry, recording::Word};

use super::{super::truth::Truth, Seen};
use crate::range::{Stories, Story};

/// What is judged.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The incident that the case is about.
    pub story: Option<&'a Story>,
    /// The diagnosis that the plan was made from; without a plan, the last one.
    pub diagnosis: Option<&'a Diagnosis>,
    /// The last plan that changed something; if none did, the first one: recorded logs end, so later looks see less.
    pub plan: Option<&'a Plan>,
    /// What was measured after that plan.
    pub verification: Option<&'a Verification>,
    /// When the diagnosis was begun and reached.
    looked: Option<(Timestamp, Timestamp)>,
    /// The plan changed something.
    changed: bool,
}

impl<'a> Answer<'a> {
    /// Finds it.
    pub fn of(truth: &Truth, seen: &Seen<'a>) -> Self {
        let story = main(truth, seen.stories);
        // What has been found since the last plan, and what each plan led to.
        let mut latest = Self {
            story,
            diagnosis: None,
            plan: None,
            verification: None,
            looked: None,
            changed: false,
        };
        let mut planned: Vec<Self> = Vec::new();
        let mut begun = None;
        for recorded in story.into_iter().flat_map(|story| &story.log) {
            let time = recorded.envelope.time;
            match &recorded.envelope.event {
                Event::AnalysisStarted { .. } => begun = Some(time),
                Event::DiagnosisReached { diagnosis, .. } => {
                    latest.diagnosis = Some(diagnosis);
                    latest.looked = Some((begun.unwrap_or(time), time));
                }
                Event::PlanProposed { plan } => planned.push(Self {
                    plan: Some(plan),
                    ..latest
                }),
                event => planned.iter_mut().last().into_iter().for_each(|answer| answer.follow(event)),
            }
        }
        let changing = planned.iter().rev().find(|answer| answer.changed);
        *changing.or(planned.first()).unwrap_or(&latest)
    }

    /// What became of its plan.
    fn follow(&mut self, event: &'a Event) {
        match event {
            Event::StepSucceeded { step, .. } => {
                let step = self.plan.and_then(|plan| plan.step(step));
                self.changed |= step.is_some_and(|step| step.change.mutates());
            }
            Event::VerificationPassed { verification, .. }
            | Event::VerificationFailed { verification, .. }
            | Event::VerificationInconclusive { verification, .. } => self.verification = Some(verification),
            _ => {}
        }
    }

    /// Requests that the API server answered while the cause was looked for. Watches are not counted: they stand all the time.
    pub fn reads(&self, audit: &[AuditEntry]) -> usize {
        let Some((begun, reached)) = self.looked else { return 0 };
        let read = |entry: &&AuditEntry| matches!(entry.verb.as_str(), "get" | "list") && (begun..=reached).contains(&entry.time);
        audit.iter().filter(read).count()
    }
}

/// The incident with most of the alerts that the case is about; of several, the one that was opened first.
pub fn main<'a>(truth: &Truth, stories: &'a Stories) -> Option<&'a Story> {
    let about = |alert: &&Alert| match &truth.expect.alerts {
        Some(wanted) if !wanted.of.is_empty() => has(alert, &wanted.of),
        _ => !has(alert, &truth.expect.out),
    };
    let weight = |story: &Story| {
        let alerts = &story.incident.alerts;
        (alerts.values().filter(about).count(), alerts.len())
    };
    stories
        .all()
        .filter(|story| story.incident.status() != Status::Merged)
        .max_by(|a, b| weight(a).cmp(&weight(b)).then(b.incident.opened_at.cmp(&a.incident.opened_at)))
}

/// Whether one of the alert's labels has one of these values.
pub fn has(alert: &Alert, words: &[Word]) -> bool {
    alert.labels.values().any(|value| words.iter().any(|word| word.fits(value)))
}
