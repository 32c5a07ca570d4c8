//! Effects that must not stay: when each has to be put back, whatever became of its workflow.

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    change::Change,
    envelope::Recorded,
    event::{Direction, Event, WorkflowOutcome},
    fault::Effect,
    id::{PlanId, StepId},
    incident::Incident,
    plan::{Lasts, Step},
    policy::Mode,
};

/// An effect that is still there and must not stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Temporary {
    /// The plan.
    pub plan: PlanId,
    /// The step.
    pub step: Step,
    /// When it has to go; `None`: what it waits for has not happened.
    pub due: Option<Timestamp>,
    /// An [`Event::ExpirySet`] is its timer; otherwise the end of its workflow is.
    pub timed: bool,
}

/// Why an effect is not put back now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is gone already, or a person was told that it is not.
    Settled,
    /// The cluster is only observed: nothing is changed, not even back.
    Observed,
}

/// Every effect of the log that is there and must not stay, whichever plan it is of.
#[must_use]
pub fn temporary(log: &[Recorded]) -> Vec<Temporary> {
    let mut found: Vec<(Temporary, Option<Timestamp>)> = Vec::new();
    for recorded in log {
        let time = recorded.envelope.time;
        let same = |found: &Temporary, plan: &PlanId, step: &StepId| found.plan == *plan && found.step.id == *step;
        match &recorded.envelope.event {
            Event::PlanProposed { plan } => {
                // A new plan means that the old one is over: nothing of it is verified any more.
                fall_due(&mut found, time, |lasts| matches!(lasts, Lasts::Verified));
                found.extend(plan.steps.iter().filter(|step| step.lasts.is_some()).map(|step| {
                    let temporary = Temporary {
                        plan: plan.id.clone(),
                        step: step.clone(),
                        due: None,
                        timed: false,
                    };
                    (temporary, None)
                }));
            }
            // A step that failed after its request was accepted has an effect too, or may have.
            Event::StepSucceeded { plan, step, .. }
            | Event::StepFailed {
                plan,
                step,
                direction: Direction::Forward,
                effect: Effect::Applied | Effect::Unknown,
                ..
            } => {
                if let Some((_, since)) = found.iter_mut().find(|(found, _)| same(found, plan, step)) {
                    *since = Some(time);
                }
            }
            // A part of another step's patch has no timer: it stays until the workflow has ended, since till then that patch may
            // be undone whole.
            Event::ExpirySet { plan, step, due } => {
                if let Some((temporary, _)) = found.iter_mut().find(|(found, _)| same(found, plan, step)) {
                    temporary.due = Some(*due);
                    temporary.timed = true;
                }
            }
            Event::StepUndone { plan, step, .. } | Event::StepExpired { plan, step, .. } | Event::StepExpiryFailed { plan, step, .. } => {
                found.retain(|(found, _)| !(same(found, plan, step) || found.plan == *plan && carried_by(&found.step, step)));
            }
            Event::WorkflowFinished { plan, outcome, .. } => {
                // Neither has a failed step: who failed it could not say how long its effect would stay.
                for (temporary, since) in found.iter_mut().filter(|(found, _)| found.plan == *plan && !found.timed) {
                    let over = since.and_then(|since| elapsed(temporary.step.lasts, since));
                    temporary.due = temporary.due.or(over.map(|over| over.max(time)));
                }
                let succeeded = *outcome == WorkflowOutcome::Succeeded;
                fall_due(&mut found, time, |lasts| match lasts {
                    Lasts::Workflow => true,
                    Lasts::Verified => !succeeded,
                    Lasts::For { .. } => false,
                });
            }
            Event::VerificationPassed { .. }
            | Event::IncidentResolved { .. }
            | Event::IncidentEscalated { .. }
            | Event::IncidentCancelled { .. }
            | Event::IncidentMerged { .. } => fall_due(&mut found, time, |lasts| matches!(lasts, Lasts::Verified)),
            _ => {}
        }
    }
    found
        .into_iter()
        .filter(|(_, since)| since.is_some())
        .map(|(found, _)| found)
        .collect()
}

/// When the time of an effect that began then is over; `None`: it is not counted in time.
pub(crate) fn elapsed(lasts: Option<Lasts>, since: Timestamp) -> Option<Timestamp> {
    match lasts? {
        Lasts::For { duration } => {
            let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
            since.checked_add(duration).ok()
        }
        Lasts::Workflow | Lasts::Verified => None,
    }
}

/// Whether the effect is a part of another step's patch.
pub(crate) fn carried(step: &Step) -> bool {
    matches!(step.change, Change::Carried { .. })
}

fn carried_by(step: &Step, carrier: &StepId) -> bool {
    matches!(&step.change, Change::Carried { by, .. } if by == carrier)
}

/// What waited for this moment is due now, unless it was due before.
fn fall_due(found: &mut [(Temporary, Option<Timestamp>)], at: Timestamp, which: impl Fn(Lasts) -> bool) {
    for (temporary, since) in found {
        if since.is_some() && temporary.due.is_none() && temporary.step.lasts.is_some_and(&which) {
            temporary.due = Some(at);
        }
    }
}

/// Whether the effect may be put back now.
///
/// # Errors
/// Why not.
pub fn permit(incident: &Incident, plan: &PlanId, step: &StepId, mode: Mode) -> Result<(), Kept> {
    if incident.expired.contains(&key(plan, step)) {
        return Err(Kept::Settled);
    }
    if mode == Mode::Observe {
        return Err(Kept::Observed);
    }
    Ok(())
}

/// What says in [`Incident::expired`] that an effect is gone, or that a person was told that it is not.
#[must_use]
pub fn key(plan: &PlanId, step: &StepId) -> String {
    format!("{plan}/{step}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use paramedic_domain::{
        change::Confirm,
        digest::Digest,
        event::FailureCause,
        fault::FailureKind,
        plan::{Plan, Rollback},
        risk::{Risk, RiskLevel},
    };

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn plan(lasts: Lasts, change: Change) -> Plan {
        let step = Step {
            id: "s".parse().unwrap(),
            action: "test".into(),
            description: String::new(),
            rationale: String::new(),
            parameters: serde_json::Map::new(),
            depends_on: Vec::new(),
            change,
            risk: Risk {
                level: RiskLevel::None,
                reasons: Vec::new(),
            },
            context: Some(paramedic_domain::risk::Context::default()),
            policy: String::new(),
            gate: None,
            timeout: Duration::from_secs(1),
            lasts: Some(lasts),
            estimate: None,
        };
        Plan {
            id: "plan_a".parse().unwrap(),
            attempt: 1,
            summary: String::new(),
            steps: vec![step],
            gates: Vec::new(),
            levels: Vec::new(),
            critical_path: Vec::new(),
            longest: Duration::ZERO,
            rollback: Rollback::Automatic,
            criteria: Vec::new(),
            notes: Vec::new(),
            deadline: None,
            estimate: None,
            options: Vec::new(),
            chosen: 0,
            policy: None,
        }
    }

    /// The due time after these events, one a second; `None`: nothing is left to put back.
    fn due(lasts: Lasts, events: Vec<Event>) -> Option<Option<i64>> {
        let change = Change::Read {
            what: String::new(),
            targets: Vec::new(),
        };
        due_of(lasts, change, events)
    }

    fn due_of(lasts: Lasts, change: Change, events: Vec<Event>) -> Option<Option<i64>> {
        let mut incident = Incident::new("test".parse().unwrap(), "inc_a".parse().unwrap());
        let proposed = Event::PlanProposed {
            plan: Box::new(plan(lasts, change)),
        };
        let mut log = Vec::new();
        for (second, event) in (0..).zip([proposed].into_iter().chain(events)) {
            let envelope = incident.next_envelope(event, at(second), None);
            let digest = Digest::of(&envelope.seq.to_be_bytes());
            let recorded = Recorded { envelope, digest };
            incident.apply(&recorded).unwrap();
            log.push(recorded);
        }
        let found = temporary(&log);
        found.first().map(|found| found.due.map(|due| due.as_second() - at(0).as_second()))
    }

    fn succeeded() -> Event {
        Event::StepSucceeded {
            plan: "plan_a".parse().unwrap(),
            step: "s".parse().unwrap(),
            attempt: 1,
            summary: String::new(),
            artifacts: Vec::new(),
        }
    }

    fn finished(outcome: WorkflowOutcome) -> Event {
        Event::WorkflowFinished {
            plan: "plan_a".parse().unwrap(),
            outcome,
            cause: (outcome != WorkflowOutcome::Succeeded).then_some(FailureCause::Cancelled),
        }
    }

    #[test]
    fn each_effect_is_due_when_what_it_waits_for_has_happened() {
        let hour = Lasts::For {
            duration: Duration::from_secs(3600),
        };
        let set = Event::ExpirySet {
            plan: "plan_a".parse().unwrap(),
            step: "s".parse().unwrap(),
            due: at(3601),
        };
        assert_eq!(due(hour, vec![succeeded(), set]), Some(Some(3601)));
        assert_eq!(due(Lasts::Workflow, vec![succeeded()]), Some(None));
        let done = || finished(WorkflowOutcome::Succeeded);
        assert_eq!(due(Lasts::Workflow, vec![succeeded(), done()]), Some(Some(2)));
        assert_eq!(due(Lasts::Verified, vec![succeeded(), done()]), Some(None));
        let ended = Event::IncidentEscalated { reason: String::new() };
        assert_eq!(due(Lasts::Verified, vec![succeeded(), done(), ended]), Some(Some(3)));
        assert_eq!(
            due(Lasts::Verified, vec![succeeded(), finished(WorkflowOutcome::Failed)]),
            Some(Some(2))
        );
    }

    #[test]
    fn the_effect_of_a_step_that_failed_is_due_after_its_workflow() {
        let failed = |effect| Event::StepFailed {
            plan: "plan_a".parse().unwrap(),
            step: "s".parse().unwrap(),
            direction: Direction::Forward,
            attempt: 1,
            kind: FailureKind::Timeout,
            effect,
            message: String::new(),
        };
        let hour = Lasts::For {
            duration: Duration::from_secs(3600),
        };
        let ended = || finished(WorkflowOutcome::Failed);
        assert_eq!(due(hour, vec![failed(Effect::Applied)]), Some(None), "the workflow may undo it");
        assert_eq!(due(hour, vec![failed(Effect::Applied), ended()]), Some(Some(3601)));
        assert_eq!(due(Lasts::Workflow, vec![failed(Effect::Unknown), ended()]), Some(Some(2)));
        assert_eq!(due(hour, vec![failed(Effect::None), ended()]), None);
    }

    #[test]
    fn only_observing_is_no_reason_to_forget_an_effect() {
        let mut incident = Incident::new("test".parse().unwrap(), "inc_a".parse().unwrap());
        let (plan, step): (PlanId, StepId) = ("plan_a".parse().unwrap(), "s".parse().unwrap());
        assert_eq!(permit(&incident, &plan, &step, Mode::Standard), Ok(()));
        assert_eq!(permit(&incident, &plan, &step, Mode::Observe), Err(Kept::Observed));
        incident.expired.insert(key(&plan, &step));
        assert_eq!(permit(&incident, &plan, &step, Mode::Observe), Err(Kept::Settled));
    }

    #[test]
    fn a_part_of_another_steps_patch_goes_when_its_time_is_over_and_the_workflow_has_ended_or_with_that_patch() {
        let part = || Change::Carried {
            by: "carrier".parse().unwrap(),
            expect: Confirm::InTemplate,
            part: None,
        };
        let lasts = |seconds| Lasts::For {
            duration: Duration::from_secs(seconds),
        };
        let done = || finished(WorkflowOutcome::Succeeded);
        assert_eq!(due_of(lasts(1), part(), vec![succeeded()]), Some(None));
        assert_eq!(due_of(lasts(0), part(), vec![succeeded(), done()]), Some(Some(2)));
        assert_eq!(due_of(lasts(60), part(), vec![succeeded(), done()]), Some(Some(61)));
        let undone = Event::StepUndone {
            plan: "plan_a".parse().unwrap(),
            step: "carrier".parse().unwrap(),
            attempt: 1,
            summary: String::new(),
        };
        assert_eq!(due_of(lasts(60), part(), vec![succeeded(), undone]), None);
    }

    #[test]
    fn what_never_happened_or_is_gone_is_not_put_back() {
        assert_eq!(due(Lasts::Workflow, vec![finished(WorkflowOutcome::Cancelled)]), None);
        let gone = Event::StepExpired {
            plan: "plan_a".parse().unwrap(),
            step: "s".parse().unwrap(),
            summary: String::new(),
        };
        assert_eq!(
            due(Lasts::Workflow, vec![succeeded(), finished(WorkflowOutcome::Succeeded), gone]),
            None
        );
    }
}
