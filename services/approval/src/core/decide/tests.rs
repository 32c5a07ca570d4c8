use paramedic_domain::{
    approval::Answer::{Approve, Deny},
    object::ObjectRef,
    request::{ChangeRequest, What},
};
use paramedic_people::Directory;

use super::*;
use crate::core::fixture::{Log, anybody, at, vote};

fn refused(log: &Log, vote: &Vote, who: &Standing, seconds: i64) -> Refusal {
    decide(&log.incident, vote, who, at(seconds)).unwrap_err()
}

#[test]
fn an_approval_of_the_shown_digest_opens_the_gate() {
    let mut log = Log::waiting(1);
    let yes = vote(&log.incident, 0, Approve);
    let event = decide(&log.incident, &yes, &anybody("ann@example.com"), at(60)).unwrap();
    log.push(event.clone(), at(60));
    assert!(matches!(log.incident.gates.get(&yes.gate), Some(GateState::Granted { .. })));
    assert!(recorded(&log.incident, &event));
    let no = decide(&Log::waiting(1).incident, &vote(&log.incident, 0, Deny), &anybody("ann"), at(60)).unwrap();
    assert!(!recorded(&log.incident, &no));
}

#[test]
fn each_reason_for_refusal_is_its_own_sentence() {
    let log = Log::waiting(1);
    let ann = anybody("ann@example.com");
    let good = vote(&log.incident, 0, Approve);

    let mut unknown = good.clone();
    unknown.gate = GateId::derive(&["nobody"]);
    assert_eq!(refused(&log, &unknown, &ann, 1).code(), "unknown_gate");

    let mut other = good.clone();
    other.digest = Digest::of(b"another change");
    let sentence = refused(&log, &other, &ann, 1).to_string();
    assert!(sentence.contains("is not the change that gate_"), "{sentence}");

    assert_eq!(refused(&log, &good, &ann, 1800).code(), "expired");
    let early = Log::with_plan(1);
    assert_eq!(refused(&early, &vote(&early.incident, 0, Approve), &ann, 1).code(), "not_asked");

    let mut ended = Log::waiting(1);
    ended.end(at(1));
    assert_eq!(refused(&ended, &good, &ann, 2).code(), "over");

    let mut talkative = good;
    talkative.reason = "x".repeat(MAX_REASON + 1);
    assert_eq!(refused(&log, &talkative, &ann, 1).code(), "reason_too_long");
}

#[test]
fn two_people_are_needed_where_two_are_asked_for_and_case_does_not_make_a_second_one() {
    let mut log = Log::waiting_with_quorum(1, 2);
    let (yes, no) = (vote(&log.incident, 0, Approve), vote(&log.incident, 0, Deny));
    let (ann, same) = (anybody("ann@example.com"), anybody("Ann@Example.com"));
    log.push(decide(&log.incident, &yes, &ann, at(1)).unwrap(), at(1));
    let refusal = refused(&log, &yes, &same, 2);
    assert!(matches!(refusal, Refusal::AlreadyCounted { missing: 1, .. }), "{refusal}");
    assert!(
        decide(&log.incident, &no, &same, at(2)).is_ok(),
        "a change of mind towards no is heard"
    );
    log.push(decide(&log.incident, &yes, &anybody("ben@example.com"), at(3)).unwrap(), at(3));
    let late = refused(&log, &no, &anybody("cy"), 4);
    assert!(late.to_string().contains("approved by ann@example.com, ben@example.com"), "{late}");
}

fn asked_for_by_ann() -> ChangeRequest {
    ChangeRequest {
        id: "release-17".parse().unwrap(),
        by: "ann@example.com".into(),
        on_behalf_of: "ben@example.com".into(),
        what: What::SetImage {
            target: ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web"),
            container: None,
            image: "web:2".into(),
        },
    }
}

#[test]
fn who_asked_for_a_change_is_not_one_of_the_two_who_must_agree_but_may_be_the_only_one_and_may_stop_it() {
    for (quorum, four_eyes, counts) in [(2, false, false), (1, true, false), (1, false, true)] {
        let mut log = Log::waiting_with_quorum(1, quorum);
        log.edit_terms(|terms| terms.four_eyes = four_eyes);
        log.incident.request = Some(asked_for_by_ann());
        let answer = |answer, by: &str| decide(&log.incident, &vote(&log.incident, 0, answer), &anybody(by), at(1));
        assert_eq!(answer(Approve, "Ann@Example.com").is_ok(), counts);
        assert!(
            answer(Approve, "ben@example.com").is_ok(),
            "the name that is only claimed says nothing"
        );
        assert!(answer(Deny, "ann@example.com").is_ok());
        log.incident.request = None;
        log.incident.revised_by = Some("ann@example.com".into());
        let edited = decide(&log.incident, &vote(&log.incident, 0, Approve), &anybody("ann@example.com"), at(1));
        assert_eq!(
            edited.is_ok(),
            counts,
            "who edited the change is as close to it as who asked for it"
        );
    }
}

#[test]
fn the_gate_of_a_replaced_plan_is_named_as_such() {
    let mut log = Log::waiting(1);
    let old = vote(&log.incident, 0, Approve);
    log.replan(at(5));
    let refusal = refused(&log, &old, &anybody("ann"), 6);
    assert_eq!(refusal.code(), "unknown_gate");
    let explained = explain(refusal, &log.recorded);
    assert_eq!(explained.code(), "older_plan");
    assert!(explained.to_string().contains("a newer plan has replaced"));
}

/// The fixture's change is in the namespace production.
fn people() -> Directory {
    Directory::parse(
        "people:
  - {id: ann, roles: [{role: approver, namespaces: [production]}], teams: [web]}
  - {id: ben, roles: [{role: approver, namespaces: [pay*]}], teams: [payments]}
  - {id: rob, roles: [{role: responder}], teams: [payments]}
  - {id: vic, roles: [{role: viewer}]}
  - {id: adm, roles: [{role: admin}]}
  - {id: sub}
delegations:
  - {from: ann, to: sub, starts: 2026-05-28T00:00:00Z, ends: 2026-06-30T00:00:00Z, reason: holidays}
",
    )
    .unwrap()
}

fn known(id: &str) -> Standing {
    people().by_email(id, at(0)).unwrap()
}

#[test]
fn a_role_counts_where_it_was_given_and_stopping_takes_less_than_starting() {
    let log = Log::waiting(1);
    let of = |id: &str, answer| decide(&log.incident, &vote(&log.incident, 0, answer), &known(id), at(1));
    for (id, approves, denies) in [
        ("ann", true, true),
        ("ben", false, false),
        ("rob", false, true),
        ("vic", false, false),
        ("adm", true, true),
        ("sub", true, true),
    ] {
        assert_eq!((of(id, Approve).is_ok(), of(id, Deny).is_ok()), (approves, denies), "{id}");
    }
    let sentence = of("ben", Approve).unwrap_err().to_string();
    assert!(sentence.contains("the role approver in production"), "{sentence}");
    let Event::ApprovalGranted { decision, .. } = of("sub", Approve).unwrap() else {
        panic!("not granted")
    };
    assert_eq!((decision.by.as_str(), decision.behalf_of.as_str()), ("sub", "ann"));
    assert_eq!(decision.right, "approver in production for ann");
}

#[test]
fn a_lent_right_ends_and_is_one_voice_with_its_owner() {
    let mut log = Log::waiting_with_quorum(1, 2);
    let later = people().by_email("sub", "2026-06-30T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(refused(&log, &vote(&log.incident, 0, Approve), &later, 1).code(), "no_role");
    for (first, second) in [("ann", "sub"), ("sub", "ann")] {
        let yes = vote(&log.incident, 0, Approve);
        let mut log = Log::waiting_with_quorum(1, 2);
        log.push(decide(&log.incident, &yes, &known(first), at(1)).unwrap(), at(1));
        assert_eq!(
            refused(&log, &yes, &known(second), 2).code(),
            "already_counted",
            "{first} then {second}"
        );
    }
    log.edit_terms(|terms| terms.four_eyes = true);
    log.incident.revised_by = Some("ann".into());
    assert_eq!(
        refused(&log, &vote(&log.incident, 0, Approve), &known("sub"), 1).code(),
        "own_request"
    );
}

#[test]
fn policy_says_whose_approval_counts_and_escalation_adds_people() {
    let mut log = Log::waiting(1);
    log.edit_terms(|terms| {
        terms.from = vec![vec!["team:payments".parse().unwrap()]];
        terms.escalations = vec![paramedic_domain::terms::Escalation {
            after: std::time::Duration::from_secs(600),
            to: vec!["person:ann".parse().unwrap()],
            during: None,
            outside: None,
        }];
    });
    let yes = vote(&log.incident, 0, Approve);
    let sentence = refused(&log, &yes, &known("ann"), 700).to_string();
    assert!(sentence.contains("the approval of team:payments"), "{sentence}");
    assert!(
        decide(&log.incident, &yes, &known("adm"), at(1)).is_ok(),
        "an admin is one of everybody"
    );
    let plan = log.incident.plan.as_ref().unwrap().id.clone();
    for event in crate::core::gates::due(&log.incident, &plan, &yes.gate, at(600)) {
        log.push(event, at(600));
    }
    assert!(decide(&log.incident, &yes, &known("ann"), at(601)).is_ok());
}

#[test]
fn what_also_changes_a_node_takes_a_role_everywhere() {
    let mut log = Log::waiting(2);
    let vote_of = |log: &Log| vote(&log.incident, 0, Approve);
    assert!(decide(&log.incident, &vote_of(&log), &known("ann"), at(1)).is_ok());
    let mut plan = log.incident.plan.as_deref().unwrap().clone();
    let second = plan.steps[1].id.clone();
    plan.gates[0].steps.push(second);
    let paramedic_domain::change::Change::Patch(patch) = &mut plan.steps[1].change else {
        panic!("the fixture patches")
    };
    patch.target = ObjectRef::new("v1", "Node", None, "worker-1");
    log.incident.plan = Some(std::sync::Arc::new(plan));
    let sentence = refused(&log, &vote_of(&log), &known("ann"), 1).to_string();
    assert!(sentence.contains("the role approver in all namespaces"), "{sentence}");
    assert!(decide(&log.incident, &vote_of(&log), &known("adm"), at(1)).is_ok());
}
