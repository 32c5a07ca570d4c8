//! What becomes of a plan's questions.

use jiff::Timestamp;

use super::Incident;
use crate::{
    approval::{Acknowledged, GateState, Pursuit},
    event::Event,
    id::GateId,
    people::same_person,
};

/// Most refused answers that an incident's log keeps: far more than people give by mistake, and somebody who tries on purpose must not
/// fill it.
const MAX_REFUSED: usize = 100;

impl Incident {
    /// Whether the log should keep that somebody's answer was refused: the first time, while there are not too many.
    #[must_use]
    pub fn keeps_refusal(&self, gate: &GateId, code: &str, by: &str) -> bool {
        self.version > 0 && self.refused.len() < MAX_REFUSED && !self.refused.contains(&format!("{gate} {code} {by}"))
    }

    // Planned => Waiting => Granted | Denied | Expired; a decided gate is never reopened (INV-10)
    pub(super) fn absorb_approval(&mut self, event: &Event, time: Timestamp) -> bool {
        if let Event::ApprovalRefused { gate, by, code, .. } = event {
            return self.refused.insert(format!("{gate} {code} {by}"));
        }
        let Some(plan) = &self.plan else { return false };
        match event {
            Event::ApprovalRequested {
                plan: of,
                gate,
                expires_at,
            } => match self.gates.get_mut(gate) {
                Some(state @ GateState::Planned) if *of == plan.id => {
                    *state = GateState::Waiting {
                        since: time,
                        expires_at: *expires_at,
                        approvals: Vec::new(),
                        pursuit: Pursuit::default(),
                    };
                    true
                }
                _ => false,
            },
            Event::ApprovalGranted { plan: of, decision } => {
                let Some(gate) = plan.gate(&decision.gate) else { return false };
                match self.gates.get_mut(&decision.gate) {
                    Some(state) if *of == plan.id && decision.digest == gate.digest => {
                        let GateState::Waiting { approvals, expires_at, .. } = state else {
                            return false;
                        };
                        if time >= *expires_at || approvals.iter().any(|earlier| same_person(&earlier.by, &decision.by)) {
                            return false;
                        }
                        approvals.push(decision.clone());
                        if approvals.len() >= gate.terms.quorum as usize {
                            *state = GateState::Granted {
                                at: time,
                                approvals: std::mem::take(approvals),
                            };
                        }
                        true
                    }
                    _ => false,
                }
            }
            Event::ApprovalDenied { plan: of, decision } => match self.gates.get_mut(&decision.gate) {
                Some(state @ GateState::Waiting { .. }) if *of == plan.id => {
                    *state = GateState::Denied {
                        at: time,
                        decision: decision.clone(),
                    };
                    true
                }
                _ => false,
            },
            Event::ApprovalExpired { plan: of, gate } => match self.gates.get_mut(gate) {
                Some(state @ GateState::Waiting { .. }) if *of == plan.id => {
                    *state = GateState::Expired { at: time };
                    true
                }
                _ => false,
            },
            Event::ApprovalEscalated { plan: of, gate, level, .. } => match self.gates.get_mut(gate) {
                Some(GateState::Waiting { pursuit, .. }) if *of == plan.id && *level == pursuit.escalations + 1 => {
                    pursuit.escalations = *level;
                    true
                }
                _ => false,
            },
            Event::ApprovalReminded { plan: of, gate, number } => match self.gates.get_mut(gate) {
                Some(GateState::Waiting { pursuit, .. }) if *of == plan.id && *number > pursuit.reminders => {
                    pursuit.reminders = *number;
                    true
                }
                _ => false,
            },
            Event::ApprovalAcknowledged { plan: of, gate, by, .. } => match self.gates.get_mut(gate) {
                Some(GateState::Waiting { pursuit, .. }) if *of == plan.id => {
                    pursuit.acknowledged = Some(Acknowledged { by: by.clone(), at: time });
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }
}
