//! Asking, and the end of asking.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    approval::GateState,
    event::Event,
    id::{GateId, PlanId},
    incident::Incident,
};

/// What the timer of one question should do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The question is decided, or nobody needs its answer any more.
    Settled,
    /// Look again after this long.
    Wait(Duration),
    /// Its time is over.
    Due,
}

/// Questions that nobody has asked yet: one request for every planned gate of the current plan.
///
/// Asking all gates at once lets people think while the steps without a gate run.
#[must_use]
pub fn ask(incident: &Incident, now: Timestamp) -> Vec<Event> {
    let Some(plan) = incident.plan.as_ref().filter(|_| answer_matters(incident)) else {
        return Vec::new();
    };
    plan.gates
        .iter()
        .filter(|gate| needed(incident, &gate.id) && matches!(incident.gates.get(&gate.id), Some(GateState::Planned)))
        .map(|gate| Event::ApprovalRequested {
            plan: plan.id.clone(),
            gate: gate.id.clone(),
            expires_at: now.saturating_add(gate.expires_after).unwrap_or(Timestamp::MAX),
        })
        .collect()
}

/// Questions whose time is over.
// Waiting => Expired
#[must_use]
pub fn expire(incident: &Incident, now: Timestamp) -> Vec<Event> {
    let Some(plan) = incident.plan.as_ref().filter(|_| answer_matters(incident)) else {
        return Vec::new();
    };
    incident
        .gates
        .iter()
        .filter(|(gate, _)| needed(incident, gate))
        .filter(|(_, state)| match state {
            GateState::Waiting { expires_at, .. } => now >= *expires_at,
            GateState::Planned | GateState::Granted { .. } | GateState::Denied { .. } | GateState::Expired { .. } => false,
        })
        .map(|(gate, _)| Event::ApprovalExpired {
            plan: plan.id.clone(),
            gate: gate.clone(),
        })
        .collect()
}

/// Where the timer of the question that `plan` asked at `gate` stands.
#[must_use]
pub fn timer(incident: &Incident, plan: &PlanId, gate: &GateId, now: Timestamp) -> Timer {
    let current = incident.plan.as_ref().is_some_and(|current| current.id == *plan);
    if !current || !answer_matters(incident) || !needed(incident, gate) {
        return Timer::Settled;
    }
    match incident.gates.get(gate) {
        Some(GateState::Waiting { expires_at, .. }) => {
            if now >= *expires_at {
                Timer::Due
            } else {
                Timer::Wait(expires_at.duration_since(now).unsigned_abs())
            }
        }
        Some(GateState::Planned | GateState::Granted { .. } | GateState::Denied { .. } | GateState::Expired { .. }) | None => {
            Timer::Settled
        }
    }
}

/// Whether a step still waits behind the gate: what people have taken out of the workflow needs no answer, and nobody's silence.
fn needed(incident: &Incident, gate: &GateId) -> bool {
    let (Some(plan), Some(run)) = (&incident.plan, &incident.run) else {
        return false;
    };
    plan.gate(gate).is_some_and(|gate| run.needs(gate))
}

/// Whether anything still waits for an answer: neither the incident nor the run of its plan is over.
#[must_use]
pub fn answer_matters(incident: &Incident) -> bool {
    incident.end.is_none() && incident.run.as_ref().is_some_and(|run| run.ended.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixture::{Log, at, gate_id};

    #[test]
    fn every_planned_gate_is_asked_once_with_its_own_expiry() {
        let mut log = Log::with_plan(2);
        let asked = ask(&log.incident, at(10));
        assert_eq!(asked.len(), 2);
        for event in asked {
            assert!(matches!(&event, Event::ApprovalRequested { expires_at, .. } if *expires_at == at(10 + 1800)));
            log.push(event, at(10));
        }
        assert!(ask(&log.incident, at(11)).is_empty());
    }

    #[test]
    fn a_question_expires_at_its_time_and_not_before() {
        let mut log = Log::waiting(1);
        let plan = log.incident.plan.as_ref().unwrap().id.clone();
        let gate = gate_id(&plan, 0);
        assert_eq!(timer(&log.incident, &plan, &gate, at(0)), Timer::Wait(Duration::from_secs(1800)));
        assert!(expire(&log.incident, at(1799)).is_empty());
        assert_eq!(timer(&log.incident, &plan, &gate, at(1800)), Timer::Due);
        let events = expire(&log.incident, at(1800));
        assert_eq!(events.len(), 1);
        log.push(events[0].clone(), at(1800));
        assert!(expire(&log.incident, at(1801)).is_empty());
        assert_eq!(timer(&log.incident, &plan, &gate, at(1801)), Timer::Settled);
    }

    #[test]
    fn a_question_about_a_step_that_a_person_skipped_is_not_asked_and_does_not_expire() {
        let skip = |log: &mut Log| {
            let plan = log.incident.plan.as_ref().unwrap();
            let (id, step) = (plan.id.clone(), plan.gates[0].steps[0].clone());
            let skipped = Event::StepSkipped {
                plan: id,
                step,
                by: "ada@example.com".into(),
                reason: "done by hand".into(),
            };
            log.push(skipped, at(1));
        };
        let mut planned = Log::with_plan(2);
        skip(&mut planned);
        assert_eq!(ask(&planned.incident, at(2)).len(), 1, "only the other gate is asked");
        let mut waiting = Log::waiting(1);
        skip(&mut waiting);
        assert!(expire(&waiting.incident, at(9999)).is_empty());
        let plan = waiting.incident.plan.as_ref().unwrap().id.clone();
        assert_eq!(timer(&waiting.incident, &plan, &gate_id(&plan, 0), at(1800)), Timer::Settled);
    }

    #[test]
    fn nobody_is_asked_and_nothing_expires_after_the_end() {
        let mut planned = Log::with_plan(1);
        planned.end(at(1));
        assert!(ask(&planned.incident, at(2)).is_empty());
        let mut waiting = Log::waiting(1);
        waiting.end(at(1));
        assert!(expire(&waiting.incident, at(9999)).is_empty());
    }
}
