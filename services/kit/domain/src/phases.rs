//! How long each phase of an incident took, from its log.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    envelope::Recorded,
    event::{Direction, Event},
    incident::Incident,
};

/// One phase of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// `detect`, `analyse`, ...
    pub name: &'static str,
    /// How long it took; `None` when it did not happen.
    pub took: Option<Duration>,
}

/// The phases, in order. Waiting for people and running steps may overlap: steps without a gate run while people think.
#[must_use]
pub fn phases(incident: &Incident, log: &[Recorded]) -> Vec<Phase> {
    let first = |wanted: fn(&Event) -> bool| time_of(log.iter(), wanted);
    let last = |wanted: fn(&Event) -> bool| time_of(log.iter().rev(), wanted);
    let alert = incident.alerts.values().map(|alert| alert.starts_at).min();
    let opened = incident.opened_at;
    let diagnosed = last(|event| matches!(event, Event::DiagnosisReached { .. } | Event::AnalysisInconclusive { .. }));
    let planned = last(|event| matches!(event, Event::PlanProposed { .. } | Event::PlanRefused { .. }));
    let asked = first(|event| matches!(event, Event::ApprovalRequested { .. }));
    let answered = last(|event| {
        matches!(
            event,
            Event::ApprovalGranted { .. } | Event::ApprovalDenied { .. } | Event::ApprovalExpired { .. }
        )
    });
    let started = first(|event| {
        matches!(
            event,
            Event::StepStarted {
                direction: Direction::Forward,
                ..
            }
        )
    });
    let finished = last(|event| matches!(event, Event::WorkflowFinished { .. }));
    let verified = last(|event| {
        matches!(
            event,
            Event::VerificationPassed { .. } | Event::VerificationFailed { .. } | Event::VerificationInconclusive { .. }
        )
    });
    let ended = incident.end.as_ref().map(|end| end.at);
    [
        ("detect", alert, opened),
        ("analyse", opened, diagnosed),
        ("plan", diagnosed, planned),
        ("approve", asked, answered),
        ("execute", started, finished),
        ("verify", finished, verified),
        ("in all", alert.or(opened), ended),
    ]
    .into_iter()
    .map(|(name, from, to)| Phase {
        name,
        took: from
            .zip(to)
            .filter(|(from, to)| from <= to)
            .map(|(from, to)| Duration::try_from(to.duration_since(from)).unwrap_or_default()),
    })
    .collect()
}

fn time_of<'a>(mut log: impl Iterator<Item = &'a Recorded>, wanted: fn(&Event) -> bool) -> Option<Timestamp> {
    log.find(|recorded| wanted(&recorded.envelope.event))
        .map(|recorded| recorded.envelope.time)
}
