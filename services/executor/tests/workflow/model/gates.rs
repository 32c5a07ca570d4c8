//! People at the gates: those who are asked, and those who come twice or too late.

use jiff::SignedDuration;
use paramedic_domain::{
    approval::{Channel, Decision, GateState},
    envelope::Recorded,
    event::Event,
    id::GateId,
    plan::Gate,
};

use super::{Model, plan};
use crate::strategy::GateAnswer;

const PEOPLE: [&str; 3] = ["ada@example.com", "bob@example.com", "cyd@example.com"];
const STRANGER: &str = "dan@example.com";

impl Model {
    pub(super) fn decide_gate(&mut self, pick: usize) {
        if self.story.cancel && pick % 5 == 4 && self.incident.end.is_none() {
            self.append(Event::IncidentCancelled {
                by: PEOPLE[0].into(),
                reason: "changed her mind".into(),
            });
            return;
        }
        let Some(plan) = self.incident.plan.clone() else { return };
        let index = pick % self.story.gates.len();
        let id: GateId = plan::gate_id(index);
        let Some(gate) = plan.gate(&id) else { return };
        match self.incident.gates.get(&id) {
            Some(GateState::Planned) => self.append(Event::ApprovalRequested {
                plan: plan.id.clone(),
                gate: id,
                expires_at: self.now + SignedDuration::from_hours(24),
            }),
            Some(GateState::Waiting { approvals, .. }) => {
                let decision = decision(gate, PEOPLE[approvals.len()]);
                let plan = plan.id.clone();
                self.append(match self.story.gates[index].answer {
                    GateAnswer::Grant => Event::ApprovalGranted { plan, decision },
                    GateAnswer::Deny => Event::ApprovalDenied { plan, decision },
                    GateAnswer::Expire => Event::ApprovalExpired { plan, gate: id },
                });
            }
            _ => {}
        }
    }

    /// INV-10: who approved already does not count again, and a gate that is decided stays as it is. The approval role would
    /// not write such a decision, so it is only shown to the state.
    pub(super) fn decide_late(&mut self, pick: usize) {
        let Some(plan) = self.incident.plan.clone() else { return };
        let id = plan::gate_id(pick % self.story.gates.len());
        let (Some(gate), Some(before)) = (plan.gate(&id), self.incident.gates.get(&id).cloned()) else {
            return;
        };
        let decision = decision(gate, PEOPLE[0]);
        let plan = plan.id.clone();
        let granted = |decision: &Decision| Event::ApprovalGranted {
            plan: plan.clone(),
            decision: decision.clone(),
        };
        let too_late = Decision {
            by: STRANGER.into(),
            ..decision.clone()
        };
        let denied = Event::ApprovalDenied {
            plan: plan.clone(),
            decision: decision.clone(),
        };
        let expired = Event::ApprovalExpired {
            plan: plan.clone(),
            gate: id.clone(),
        };
        let late = [granted(&decision), granted(&too_late), denied, expired].map(|event| (event, self.now));
        for (event, at) in late {
            // Of a gate that still waits, the second approval by one person is out of order, and one that comes too late.
            let at = match (&before, &event) {
                (GateState::Planned, _) => at,
                (GateState::Waiting { expires_at, .. }, Event::ApprovalGranted { decision, .. }) if decision.by == STRANGER => *expires_at,
                (GateState::Waiting { approvals, .. }, Event::ApprovalGranted { .. }) if !approvals.is_empty() => at,
                (GateState::Waiting { .. }, _) => continue,
                (GateState::Granted { .. } | GateState::Denied { .. } | GateState::Expired { .. }, _) => at,
            };
            let what = event.kind();
            let mut after = self.incident.clone();
            let envelope = after.next_envelope(event, at, None);
            let digest = self.incident.head;
            after.apply(&Recorded { envelope, digest }).expect("it is the next event");
            if after.gates.get(&id) != Some(&before) {
                self.reopened
                    .push(format!("INV-10: a late {what} made {:?} of {before:?}", after.gates.get(&id)));
            }
        }
    }
}

fn decision(gate: &Gate, by: &str) -> Decision {
    Decision {
        gate: gate.id.clone(),
        digest: gate.digest,
        by: by.into(),
        channel: Channel::Cli,
        reason: String::new(),
        right: "approver in shop".into(),
        behalf_of: String::new(),
        policy: None,
    }
}
