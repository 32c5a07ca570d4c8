//! INV-10 under random answers: duplicates, races, late ones, wrong digests, expiry in between, several gates and quorums.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_domain::{
    approval::{Answer, GateState},
    event::Event,
    id::GateId,
    invariant,
};
use proptest::prelude::*;

use super::{
    decide::decide,
    fixture::{Log, anybody, at, gate_id, vote},
    gates::due,
};

#[derive(Debug, Clone)]
enum Move {
    /// A person answers what they see now.
    Answer {
        person: usize,
        gate: usize,
        approve: bool,
        right_digest: bool,
    },
    /// A person answers from a state that is `stale` events old; the compare-and-set makes them decide again.
    Race { person: usize, gate: usize, approve: bool },
    /// The timer fires.
    Timer,
    /// Time passes, in seconds.
    Pass(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        5 => (0..4usize, 0..3usize, any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(person, gate, approve, right_digest)| Move::Answer { person, gate, approve, right_digest }),
        3 => (0..4usize, 0..3usize, any::<bool>()).prop_map(|(person, gate, approve)| Move::Race { person, gate, approve }),
        1 => Just(Move::Timer),
        2 => (0..900i64).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 0..40)
}

proptest! {
    #[test]
    fn a_decision_counts_once_per_person_a_decided_gate_stays_decided_and_an_expired_one_never_grants(
        moves in moves(),
        gates in 1..3usize,
        quorum in 1..4u32,
    ) {
        let mut log = Log::waiting_with_quorum(gates, quorum);
        let people = ["ann", "ANN", "ben", "cy"];
        let mut now = 0;
        let mut closed: BTreeMap<GateId, GateState> = BTreeMap::new();
        for step in moves {
            let stale = log.incident.clone();
            match step {
                Move::Pass(seconds) => now += seconds,
                Move::Timer => {
                    let plan = log.incident.plan.as_ref().unwrap().id.clone();
                    for gate in (0..gates).map(|gate| gate_id(&plan, gate)) {
                        for event in due(&log.incident, &plan, &gate, at(now)) {
                            log.push(event, at(now));
                        }
                    }
                }
                Move::Answer { person, gate, approve, right_digest } => {
                    let word = if approve { Answer::Approve } else { Answer::Deny };
                    let mut answer = vote(&log.incident, gate % gates, word);
                    if !right_digest {
                        answer.digest = paramedic_domain::digest::Digest::of(b"something else");
                    }
                    match decide(&log.incident, &answer, &anybody(people[person]), at(now)) {
                        Ok(event) => {
                            prop_assert!(right_digest, "an answer about another digest was counted");
                            log.push(event, at(now));
                        }
                        Err(refusal) => prop_assert!(!refusal.to_string().is_empty()),
                    }
                }
                Move::Race { person, gate, approve } => {
                    // both contenders saw the same state; the loser of the compare-and-set decides again on the new one
                    let answer = vote(&stale, gate % gates, if approve { Answer::Approve } else { Answer::Deny });
                    let who = anybody(people[person]);
                    for _contender in 0..2 {
                        if decide(&stale, &answer, &who, at(now)).is_ok()
                            && let Ok(event) = decide(&log.incident, &answer, &who, at(now))
                        {
                            log.push(event, at(now));
                        }
                    }
                }
            }
            for (gate, state) in &closed {
                prop_assert_eq!(log.incident.gates.get(gate), Some(state), "a decided gate changed");
            }
            for (gate, state) in &log.incident.gates {
                match state {
                    GateState::Granted { at: when, approvals } => {
                        let different: BTreeSet<String> = approvals.iter().map(|one| one.by.to_lowercase()).collect();
                        prop_assert_eq!(different.len(), approvals.len(), "one person counted twice");
                        prop_assert_eq!(approvals.len(), quorum as usize);
                        prop_assert!(*when < at(1800), "granted after expiry");
                        closed.insert(gate.clone(), state.clone());
                    }
                    GateState::Denied { .. } | GateState::Expired { .. } => { closed.insert(gate.clone(), state.clone()); }
                    GateState::Planned | GateState::Waiting { .. } => {}
                }
            }
        }
        prop_assert_eq!(log.incident.misfits, 0, "an appended event did not fit");
        prop_assert_eq!(invariant::check_log(&log.recorded), Vec::new());
        let expiries = log.recorded.iter().filter(|one| matches!(one.envelope.event, Event::ApprovalExpired { .. })).count();
        prop_assert!(expiries <= gates);
    }
}
