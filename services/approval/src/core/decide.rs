//! One person's answer to one question: counted once, or refused with a reason.

use jiff::Timestamp;
use paramedic_domain::{
    approval::{Answer, Decision, GateState},
    envelope::Recorded,
    event::Event,
    incident::Incident,
};

use super::{gates::answer_matters, refusal::Refusal};

/// Longest identity, in characters: an address has at most 254 bytes, a user name far fewer.
pub const MAX_IDENTITY: usize = 200;
/// Longest reason, in characters: a paragraph.
pub const MAX_REASON: usize = 2_000;

/// The events of an answer.
///
/// A denial needs no reason: stopping must never be harder than going on. For the same cause a person who approved
/// may still deny while the gate waits for others.
///
/// # Errors
/// Why the answer does not count.
// Waiting => Waiting (quorum not reached) | Granted | Denied
pub fn decide(incident: &Incident, answer: Answer, decision: &Decision, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    check_words(decision)?;
    let gate_id = decision.gate.clone();
    let Some(plan) = &incident.plan else {
        return Err(Refusal::NoPlan {
            incident: incident.id.clone(),
        });
    };
    let (Some(gate), Some(state)) = (plan.gate(&gate_id), incident.gates.get(&gate_id)) else {
        return Err(Refusal::UnknownGate {
            incident: incident.id.clone(),
            gate: gate_id,
        });
    };
    let approvals = match state {
        GateState::Planned => return Err(over(incident).unwrap_or(Refusal::NotAsked { gate: gate_id })),
        GateState::Granted { at, approvals } => {
            return Err(Refusal::AlreadyDecided {
                gate: gate_id,
                answer: Answer::Approve,
                by: names(approvals),
                at: *at,
            });
        }
        GateState::Denied { at, decision } => {
            return Err(Refusal::AlreadyDecided {
                gate: gate_id,
                answer: Answer::Deny,
                by: decision.by.clone(),
                at: *at,
            });
        }
        GateState::Expired { at } => return Err(Refusal::Expired { gate: gate_id, at: *at }),
        GateState::Waiting { expires_at, .. } if now >= *expires_at => {
            return Err(Refusal::Expired {
                gate: gate_id,
                at: *expires_at,
            });
        }
        GateState::Waiting { approvals, .. } => approvals,
    };
    if let Some(over) = over(incident) {
        return Err(over);
    }
    if decision.digest != gate.digest {
        return Err(Refusal::WrongDigest {
            gate: gate_id,
            shown: decision.digest,
            current: gate.digest,
        });
    }
    let (plan, decision) = (plan.id.clone(), decision.clone());
    match answer {
        Answer::Deny => Ok(vec![Event::ApprovalDenied { plan, decision }]),
        // Who asked for it has agreed to it already: where more than one person must, others must.
        Answer::Approve if gate.quorum > 1 && asked(incident, &decision.by) => Err(Refusal::OwnRequest {
            gate: gate_id,
            by: decision.by,
        }),
        Answer::Approve if approvals.iter().any(|earlier| same_person(&earlier.by, &decision.by)) => Err(Refusal::AlreadyCounted {
            gate: gate_id,
            by: decision.by,
            missing: gate.quorum.saturating_sub(u32::try_from(approvals.len()).unwrap_or(u32::MAX)),
        }),
        Answer::Approve => Ok(vec![Event::ApprovalGranted { plan, decision }]),
    }
}

/// Whether this person asked for what the incident is about.
fn asked(incident: &Incident, by: &str) -> bool {
    incident.request.as_ref().is_some_and(|request| same_person(&request.by, by))
}

/// Whether the log already holds exactly this answer: how a caller recognises its own append whose acknowledgement was lost.
#[must_use]
pub fn recorded(incident: &Incident, answer: Answer, decision: &Decision) -> bool {
    match (answer, incident.gates.get(&decision.gate)) {
        (Answer::Approve, Some(GateState::Waiting { approvals, .. } | GateState::Granted { approvals, .. })) => {
            approvals.contains(decision)
        }
        (Answer::Deny, Some(GateState::Denied { decision: stored, .. })) => stored == decision,
        (Answer::Approve, Some(GateState::Planned | GateState::Denied { .. } | GateState::Expired { .. }) | None)
        | (
            Answer::Deny,
            Some(GateState::Planned | GateState::Waiting { .. } | GateState::Granted { .. } | GateState::Expired { .. }) | None,
        ) => false,
    }
}

/// Tells an unknown gate from the gate of a plan that was replaced; the folded incident only knows the current plan.
#[must_use]
pub fn explain(refusal: Refusal, log: &[Recorded]) -> Refusal {
    let gate = match &refusal {
        Refusal::UnknownGate { gate, .. } => gate.clone(),
        Refusal::NoPlan { .. }
        | Refusal::OlderPlan { .. }
        | Refusal::Over { .. }
        | Refusal::NotAsked { .. }
        | Refusal::WrongDigest { .. }
        | Refusal::AlreadyDecided { .. }
        | Refusal::Expired { .. }
        | Refusal::OwnRequest { .. }
        | Refusal::AlreadyCounted { .. }
        | Refusal::NoIdentity
        | Refusal::ReasonTooLong { .. } => return refusal,
    };
    log.iter()
        .find_map(|recorded| match &recorded.envelope.event {
            Event::PlanProposed { plan } if plan.gate(&gate).is_some() => Some(Refusal::OlderPlan {
                gate: gate.clone(),
                plan: plan.id.clone(),
            }),
            _ => None,
        })
        .unwrap_or(refusal)
}

/// Addresses and user names are compared without regard to case, so that `Ann@` and `ann@` are not two people.
#[must_use]
pub fn same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn check_words(decision: &Decision) -> Result<(), Refusal> {
    let by = &decision.by;
    if by.trim().is_empty() || by.chars().any(char::is_control) || by.chars().count() > MAX_IDENTITY {
        return Err(Refusal::NoIdentity);
    }
    let characters = decision.reason.chars().count();
    if characters > MAX_REASON {
        return Err(Refusal::ReasonTooLong {
            characters,
            max: MAX_REASON,
        });
    }
    Ok(())
}

fn over(incident: &Incident) -> Option<Refusal> {
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

#[cfg(test)]
mod tests {
    use paramedic_domain::{
        object::ObjectRef,
        request::{ChangeRequest, What},
    };

    use super::*;
    use crate::core::fixture::{Log, at, decision};

    #[test]
    fn an_approval_of_the_shown_digest_opens_the_gate() {
        let mut log = Log::waiting(1);
        let answer = decision(&log.incident, 0, "ann@example.com");
        let events = decide(&log.incident, Answer::Approve, &answer, at(60)).unwrap();
        log.push(events[0].clone(), at(60));
        assert!(matches!(log.incident.gates.get(&answer.gate), Some(GateState::Granted { .. })));
        assert!(recorded(&log.incident, Answer::Approve, &answer));
        assert!(!recorded(&log.incident, Answer::Deny, &answer));
    }

    #[test]
    fn each_reason_for_refusal_is_its_own_sentence() {
        let log = Log::waiting(1);
        let good = decision(&log.incident, 0, "ann@example.com");
        let refuse = |log: &Log, answer: Decision, now| decide(&log.incident, Answer::Approve, &answer, now).unwrap_err();

        let mut unknown = good.clone();
        unknown.gate = paramedic_domain::id::GateId::derive(&["nobody"]);
        assert_eq!(refuse(&log, unknown, at(1)).code(), "unknown_gate");

        let mut other = good.clone();
        other.digest = paramedic_domain::digest::Digest::of(b"another change");
        let sentence = refuse(&log, other, at(1)).to_string();
        assert!(sentence.contains("is not the change that gate_"), "{sentence}");

        let mut nobody = good.clone();
        nobody.by = "  ".into();
        assert_eq!(refuse(&log, nobody, at(1)), Refusal::NoIdentity);
        let mut newline = good.clone();
        newline.by = "ann\nBcc: all".into();
        assert_eq!(refuse(&log, newline, at(1)), Refusal::NoIdentity);

        assert_eq!(refuse(&log, good.clone(), at(1800)).code(), "expired");
        assert_eq!(
            refuse(&Log::with_plan(1), decision(&Log::with_plan(1).incident, 0, "ann"), at(1)).code(),
            "not_asked"
        );

        let mut ended = Log::waiting(1);
        ended.end(at(1));
        assert_eq!(refuse(&ended, good.clone(), at(2)).code(), "over");

        let mut talkative = good;
        talkative.reason = "x".repeat(MAX_REASON + 1);
        assert_eq!(refuse(&log, talkative, at(1)).code(), "reason_too_long");
    }

    #[test]
    fn two_people_are_needed_where_two_are_asked_for_and_case_does_not_make_a_second_one() {
        let mut log = Log::waiting_with_quorum(1, 2);
        let ann = decision(&log.incident, 0, "ann@example.com");
        for event in decide(&log.incident, Answer::Approve, &ann, at(1)).unwrap() {
            log.push(event, at(1));
        }
        let again = decision(&log.incident, 0, "Ann@Example.com");
        let refusal = decide(&log.incident, Answer::Approve, &again, at(2)).unwrap_err();
        assert!(matches!(refusal, Refusal::AlreadyCounted { missing: 1, .. }), "{refusal}");
        assert!(
            decide(&log.incident, Answer::Deny, &again, at(2)).is_ok(),
            "a change of mind towards no is heard"
        );
        let ben = decision(&log.incident, 0, "ben@example.com");
        for event in decide(&log.incident, Answer::Approve, &ben, at(3)).unwrap() {
            log.push(event, at(3));
        }
        let late = decide(&log.incident, Answer::Deny, &decision(&log.incident, 0, "cy"), at(4)).unwrap_err();
        assert!(late.to_string().contains("approved by ann@example.com, ben@example.com"), "{late}");
    }

    #[test]
    fn who_asked_for_a_change_is_not_one_of_the_two_who_must_agree_but_may_be_the_only_one_and_may_stop_it() {
        for (quorum, counts) in [(2, false), (1, true)] {
            let mut log = Log::waiting_with_quorum(1, quorum);
            log.incident.request = Some(ChangeRequest {
                id: "release-17".parse().unwrap(),
                by: "ann@example.com".into(),
                on_behalf_of: "ben@example.com".into(),
                what: What::SetImage {
                    target: ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web"),
                    container: None,
                    image: "web:2".into(),
                },
            });
            let answer = |answer, by: &str| decide(&log.incident, answer, &decision(&log.incident, 0, by), at(1));
            assert_eq!(answer(Answer::Approve, "Ann@Example.com").is_ok(), counts);
            assert!(
                answer(Answer::Approve, "ben@example.com").is_ok(),
                "the name that is only claimed says nothing"
            );
            assert!(answer(Answer::Deny, "ann@example.com").is_ok());
        }
    }

    #[test]
    fn the_gate_of_a_replaced_plan_is_named_as_such() {
        let mut log = Log::waiting(1);
        let old = decision(&log.incident, 0, "ann");
        log.replan(at(5));
        let refusal = decide(&log.incident, Answer::Approve, &old, at(6)).unwrap_err();
        assert_eq!(refusal.code(), "unknown_gate");
        let explained = explain(refusal, &log.recorded);
        assert_eq!(explained.code(), "older_plan");
        assert!(explained.to_string().contains("a newer plan has replaced"));
    }
}
