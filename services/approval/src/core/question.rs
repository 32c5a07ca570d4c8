//! An open question, and who may answer it.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    approval::{Answer, Decision, GateState, Pursuit},
    id::GateId,
    incident::Incident,
    people::{Audience, Role, any_of, same_person},
    plan::{Gate, Plan},
};
use paramedic_people::{Capacity, Place, Standing};

use super::{gates::answer_matters, refusal::Refusal};

/// Within this time the same word of the same person is a second click; later it holds others back anew.
const SECOND_CLICK: Duration = Duration::from_secs(60);

/// A question that waits for an answer.
pub(super) struct Question<'a> {
    incident: &'a Incident,
    pub(super) plan: &'a Plan,
    pub(super) gate: &'a Gate,
    since: Timestamp,
    approvals: &'a [Decision],
    pursuit: &'a Pursuit,
    pub(super) place: Place<'a>,
}

/// The question, if it still waits.
///
/// # Errors
/// Why it does not.
pub(super) fn open_question<'a>(incident: &'a Incident, id: &GateId, now: Timestamp) -> Result<Question<'a>, Refusal> {
    let Some(plan) = &incident.plan else {
        return Err(Refusal::NoPlan {
            incident: incident.id.clone(),
        });
    };
    let (Some(gate), Some(state)) = (plan.gate(id), incident.gates.get(id)) else {
        return Err(Refusal::UnknownGate {
            incident: incident.id.clone(),
            gate: id.clone(),
        });
    };
    let decided = |answer, by, at| Refusal::AlreadyDecided {
        gate: id.clone(),
        answer,
        by,
        at,
    };
    let expired = |at| Refusal::Expired { gate: id.clone(), at };
    match state {
        GateState::Planned => Err(over(incident).unwrap_or_else(|| Refusal::NotAsked { gate: id.clone() })),
        GateState::Granted { at, approvals } => Err(decided(Answer::Approve, names(approvals), *at)),
        GateState::Denied { at, decision } => Err(decided(Answer::Deny, decision.by.clone(), *at)),
        GateState::Expired { at } => Err(expired(*at)),
        GateState::Waiting { expires_at, .. } if now >= *expires_at => Err(expired(*expires_at)),
        GateState::Waiting {
            since, approvals, pursuit, ..
        } => match over(incident) {
            Some(over) => Err(over),
            None => Ok(Question {
                incident,
                plan,
                gate,
                since: *since,
                approvals,
                pursuit,
                place: Place::of_steps(incident, plan, &gate.steps),
            }),
        },
    }
}

impl Question<'_> {
    /// The capacity in which somebody may stop it.
    pub(super) fn stopping<'a>(&'a self, who: &'a Standing) -> Result<&'a Capacity, Refusal> {
        who.capacities(Role::Responder, &self.place)
            .next()
            .ok_or_else(|| self.no_role(who, Answer::Deny, Role::Responder))
    }

    /// Whether somebody said a moment ago that they look at it: a second click is no news.
    pub(super) fn looks(&self, who: &Standing, now: Timestamp) -> bool {
        self.pursuit
            .acknowledged
            .as_ref()
            .is_some_and(|seen| same_person(&seen.by, &who.id) && now.duration_since(seen.at).unsigned_abs() < SECOND_CLICK)
    }

    /// The capacity in which somebody may let it go on: the first in which nothing speaks against it.
    pub(super) fn approving<'a>(&'a self, who: &'a Standing, now: Timestamp) -> Result<&'a Capacity, Refusal> {
        let mut refusal = None;
        for capacity in who.capacities(Role::Approver, &self.place) {
            match self.objection(who, capacity, now) {
                None => return Ok(capacity),
                Some(objection) => {
                    refusal.get_or_insert(objection);
                }
            }
        }
        Err(refusal.unwrap_or_else(|| self.no_role(who, Answer::Approve, Role::Approver)))
    }

    fn objection(&self, who: &Standing, capacity: &Capacity, now: Timestamp) -> Option<Refusal> {
        let (gate, by) = (self.gate.id.clone(), who.id.clone());
        // Whoever lends a right and whoever uses it are one voice.
        let theirs = |name: &str| same_person(name, &who.id) || same_person(name, capacity.owner());
        let terms = &self.gate.terms;
        // Who asked for it has agreed to it already: where more than one person must, others must.
        if (terms.quorum > 1 || terms.four_eyes) && self.authors().any(theirs) {
            return Some(Refusal::OwnRequest { gate, by });
        }
        let counted = |earlier: &Decision| theirs(&earlier.by) || (!earlier.behalf_of.is_empty() && theirs(&earlier.behalf_of));
        if self.approvals.iter().any(counted) {
            let counted = u32::try_from(self.approvals.len()).unwrap_or(u32::MAX);
            return Some(Refusal::AlreadyCounted {
                gate,
                by,
                missing: terms.quorum.saturating_sub(counted),
            });
        }
        let since_then = self.escalated(now);
        let among = |group: &Vec<Audience>| capacity.is_one_of(group, &self.place) || capacity.is_one_of(&since_then, &self.place);
        let missing: Vec<String> = terms.from.iter().filter(|group| !among(group)).map(|group| any_of(group)).collect();
        (!missing.is_empty()).then(|| Refusal::NotAmong {
            gate,
            by,
            wanted: missing.join(" and of "),
        })
    }

    /// Who asked for the change or edited it.
    fn authors(&self) -> impl Iterator<Item = &str> {
        let asked = self.incident.request.iter().map(|request| request.by.as_str());
        asked.chain(self.incident.revised_by.as_deref())
    }

    /// Whom escalations have added.
    fn escalated(&self, now: Timestamp) -> Vec<Audience> {
        let reached = usize::try_from(self.pursuit.escalations).unwrap_or(usize::MAX);
        let asked = self.gate.terms.escalations_of(self.since).take(reached);
        asked.filter(|(due, _)| *due <= now).flat_map(|(_, next)| next.to.clone()).collect()
    }

    fn no_role(&self, who: &Standing, answer: Answer, role: Role) -> Refusal {
        Refusal::NoRole {
            gate: self.gate.id.clone(),
            by: who.id.clone(),
            answer,
            role,
            place: self.place.to_string(),
        }
    }
}

fn over(incident: &Incident) -> Option<Refusal> {
    if let Some(word) = incident.run.as_ref().and_then(|run| run.cancelled.as_ref()) {
        return Some(Refusal::Over {
            incident: incident.id.clone(),
            how: format!("{} ended the workflow: {}", word.by, word.reason),
        });
    }
    if answer_matters(incident) {
        return None;
    }
    let how = match (&incident.end, incident.run.as_ref().and_then(|run| run.ended.as_ref())) {
        (Some(end), _) => end.reason.clone(),
        (None, Some(_)) => "the plan's run has ended".to_owned(),
        (None, None) => "the plan does not run".to_owned(),
    };
    Some(Refusal::Over {
        incident: incident.id.clone(),
        how,
    })
}

fn names(approvals: &[Decision]) -> String {
    approvals.iter().map(|decision| decision.by.as_str()).collect::<Vec<_>>().join(", ")
}
