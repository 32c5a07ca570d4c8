//! Asking, and the end of asking.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    approval::{GateState, Pursuit},
    event::Event,
    id::{GateId, PlanId},
    incident::Incident,
    people::any_of,
    terms::{ACKNOWLEDGED_FOR, Escalation, Terms},
};

/// What the timer of one question should do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The question is decided, or nobody needs its answer any more.
    Settled,
    /// Look again after this long.
    Wait(Duration),
    /// Something is due: see [`due`].
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
            expires_at: now.saturating_add(gate.terms.expires_after).unwrap_or(Timestamp::MAX),
        })
        .collect()
}

/// What is due at the question that `plan` asked at `gate`: its end, or else one reminder and one escalation at most, since whoever was
/// away for an hour wants no twelve messages.
// Waiting => Expired
#[must_use]
pub fn due(incident: &Incident, plan: &PlanId, gate: &GateId, now: Timestamp) -> Vec<Event> {
    let Some(question) = waiting(incident, plan, gate) else {
        return Vec::new();
    };
    let (plan, gate) = (plan.clone(), gate.clone());
    if now >= question.expires_at {
        return vec![Event::ApprovalExpired { plan, gate }];
    }
    let mut events = Vec::new();
    if let Some((_, next)) = question.next_escalation().filter(|(due, _)| *due <= now) {
        events.push(Event::ApprovalEscalated {
            plan: plan.clone(),
            gate: gate.clone(),
            to: any_of(&next.to),
            level: question.pursuit.escalations + 1,
        });
    }
    // Who is asked next is reminded by that.
    if events.is_empty() && question.next_reminder().is_some_and(|due| due <= now) {
        events.push(Event::ApprovalReminded {
            plan,
            gate,
            number: question.reminders_due(now),
        });
    }
    events
}

/// When something is due at the question that `plan` asked at `gate`; `None`: it does not wait.
#[must_use]
pub fn next_due(incident: &Incident, plan: &PlanId, gate: &GateId) -> Option<Timestamp> {
    let question = waiting(incident, plan, gate)?;
    let escalation = question.next_escalation().map(|(due, _)| due);
    [Some(question.expires_at), escalation, question.next_reminder()]
        .into_iter()
        .flatten()
        .min()
}

/// Where the timer of the question that `plan` asked at `gate` stands.
#[must_use]
pub fn timer(incident: &Incident, plan: &PlanId, gate: &GateId, now: Timestamp) -> Timer {
    match next_due(incident, plan, gate) {
        None => Timer::Settled,
        Some(next) if next > now => Timer::Wait(next.duration_since(now).unsigned_abs()),
        Some(_) => Timer::Due,
    }
}

/// A question that waits.
struct Waiting<'a> {
    terms: &'a Terms,
    since: Timestamp,
    expires_at: Timestamp,
    pursuit: &'a Pursuit,
}

fn waiting<'a>(incident: &'a Incident, plan: &PlanId, gate: &GateId) -> Option<Waiting<'a>> {
    let current = incident.plan.as_ref().filter(|current| current.id == *plan)?;
    if !answer_matters(incident) || !needed(incident, gate) {
        return None;
    }
    match incident.gates.get(gate)? {
        GateState::Waiting {
            since,
            expires_at,
            pursuit,
            ..
        } => Some(Waiting {
            terms: &current.gate(gate)?.terms,
            since: *since,
            expires_at: *expires_at,
            pursuit,
        }),
        GateState::Planned | GateState::Granted { .. } | GateState::Denied { .. } | GateState::Expired { .. } => None,
    }
}

impl Waiting<'_> {
    /// Nobody is disturbed before, since somebody looks at it.
    fn not_before(&self, due: Timestamp) -> Timestamp {
        match &self.pursuit.acknowledged {
            Some(acknowledged) => due.max(after(acknowledged.at, ACKNOWLEDGED_FOR)),
            None => due,
        }
    }

    fn next_escalation(&self) -> Option<(Timestamp, &Escalation)> {
        let done = usize::try_from(self.pursuit.escalations).unwrap_or(usize::MAX);
        let (due, next) = self.terms.escalations_of(self.since).nth(done)?;
        Some((self.not_before(due), next))
    }

    fn next_reminder(&self) -> Option<Timestamp> {
        let every = self.terms.remind_every?;
        Some(self.not_before(after(self.since, every.saturating_mul(self.pursuit.reminders.saturating_add(1)))))
    }

    /// How many reminders are due by now, sent or not; those that were missed are not made up for.
    fn reminders_due(&self, now: Timestamp) -> u32 {
        let every = self.terms.remind_every.map_or(u128::MAX, |every| every.as_millis().max(1));
        let elapsed = now.duration_since(self.since).unsigned_abs().as_millis();
        u32::try_from(elapsed / every)
            .unwrap_or(u32::MAX)
            .max(self.pursuit.reminders.saturating_add(1))
    }
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
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
        assert!(due(&log.incident, &plan, &gate, at(1799)).is_empty());
        assert_eq!(timer(&log.incident, &plan, &gate, at(1800)), Timer::Due);
        let events = due(&log.incident, &plan, &gate, at(1800));
        assert_eq!(events.len(), 1);
        log.push(events[0].clone(), at(1800));
        assert!(due(&log.incident, &plan, &gate, at(1801)).is_empty());
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
        let plan = waiting.incident.plan.as_ref().unwrap().id.clone();
        assert!(due(&waiting.incident, &plan, &gate_id(&plan, 0), at(9999)).is_empty());
        assert_eq!(timer(&waiting.incident, &plan, &gate_id(&plan, 0), at(1800)), Timer::Settled);
    }

    #[test]
    fn nobody_is_asked_and_nothing_expires_after_the_end() {
        let mut planned = Log::with_plan(1);
        planned.end(at(1));
        assert!(ask(&planned.incident, at(2)).is_empty());
        let mut waiting = Log::waiting(1);
        waiting.end(at(1));
        let plan = waiting.incident.plan.as_ref().unwrap().id.clone();
        assert!(due(&waiting.incident, &plan, &gate_id(&plan, 0), at(9999)).is_empty());
    }
}
