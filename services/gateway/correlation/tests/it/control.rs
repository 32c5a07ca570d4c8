//! What whoever works on an incident, and people, say about it.

use crate::shop::{alert, cascade, correlator, feed, second};
use jiff::SignedDuration;
use paramedic_correlation::{
    Correlator,
    decision::{Correction, Decision},
};
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    id::IncidentId,
};

fn opened(decisions: &[Decision]) -> Vec<IncidentId> {
    let id = |decision: &Decision| match decision {
        Decision::Opened { incident, .. } => Some(incident.clone()),
        _ => None,
    };
    decisions.iter().filter_map(id).collect()
}

/// The cascade is one incident, the mail another.
fn two() -> (Correlator, IncidentId, IncidentId) {
    let mut correlator = correlator();
    let mut alerts = cascade();
    alerts.insert(2, alert("MailQueueFull", "warning", "deployment", "mail", 170));
    let ids = opened(&feed(&mut correlator, &alerts));
    let [cascade, mail] = &ids[..] else { panic!("{ids:?}") };
    (correlator, cascade.clone(), mail.clone())
}

fn observe(correlator: &mut Correlator, alert: &Alert) -> Vec<Decision> {
    correlator.observe(alert, alert.starts_at + SignedDuration::from_secs(10))
}

/// Every later decision that puts an alert somewhere else.
fn changes(decisions: Vec<Decision>) -> Vec<Decision> {
    let change = |decision: &Decision| matches!(decision, Decision::Moved { .. } | Decision::Merged { .. });
    decisions.into_iter().filter(change).collect()
}

#[test]
fn what_is_unsettled_is_due_a_pause_after_the_last_alert_and_settling_settles_it() {
    let mut correlator = correlator();
    assert_eq!(correlator.settle_due(), None);
    observe(&mut correlator, &cascade()[0]);
    assert_eq!(correlator.settle_due(), Some(second(85 + 3)));
    // A repetition is no news.
    correlator.observe(&cascade()[0], second(87));
    assert_eq!(correlator.settle_due(), Some(second(85 + 3)));
    correlator.settle(second(100));
    assert_eq!(correlator.settle_due(), None);
}

#[test]
fn the_first_alert_is_ranked_at_once_and_a_new_order_is_told() {
    let mut correlator = correlator();
    let first = observe(&mut correlator, &cascade()[1]);
    let [Decision::Opened { incident, .. }, Decision::Ranked { incident: ranked }] = &first[..] else {
        panic!("{first:?}")
    };
    assert_eq!(incident, ranked);
    let top = |correlator: &Correlator| correlator.roots(correlator.incident(incident).unwrap())[0].entity.to_string();
    let before = top(&correlator);
    correlator.observe(&cascade()[0], second(171));
    correlator.observe(&cascade()[2], second(172));
    let settled = correlator.settle(second(300));
    assert_ne!(before, top(&correlator));
    assert_eq!(
        settled
            .iter()
            .filter(|decision| matches!(decision, Decision::Ranked { .. }))
            .count(),
        1,
        "{settled:?}"
    );
    assert_eq!(correlator.settle(second(301)), [], "nothing is new");
}

#[test]
fn nothing_joins_an_incident_that_is_over_and_its_alert_is_a_new_matter_when_it_fires_again() {
    let mut correlator = correlator();
    let alerts = cascade();
    let [first] = &opened(&observe(&mut correlator, &alerts[0]))[..] else {
        panic!()
    };
    let first = first.clone();
    correlator.ended(&first);
    assert!(correlator.incident(&first).is_none());
    let next = opened(&observe(&mut correlator, &alerts[1]));
    assert!(next.len() == 1 && next[0] != first, "{next:?}");
    let again = Alert {
        starts_at: second(400),
        ..alerts[0].clone()
    };
    assert!(
        !observe(&mut correlator, &again)
            .iter()
            .any(|decision| matches!(decision, Decision::Joined { incident, .. } if *incident == first))
    );
    assert_eq!(
        changes(correlator.settle(second(500)))
            .iter()
            .filter(|change| format!("{change:?}").contains(first.as_str()))
            .count(),
        0
    );
    // Its alerts still end.
    let ended = Alert {
        status: AlertStatus::Resolved,
        ends_at: Some(second(600)),
        ..alerts[1].clone()
    };
    assert!(matches!(&observe(&mut correlator, &ended)[..], [Decision::Resolved { .. }]));
}

#[test]
fn unknown_ids_are_ignored() {
    let (mut correlator, cascade, _) = two();
    let unknown = IncidentId::derive(&["unknown"]);
    correlator.ended(&unknown);
    correlator.pinned(&unknown);
    let before = correlator.incidents().count();
    for correction in [
        Correction::Merge {
            from: unknown.clone(),
            into: cascade.clone(),
        },
        Correction::Merge {
            from: cascade.clone(),
            into: unknown.clone(),
        },
        Correction::Split {
            from: unknown,
            fingerprints: vec!["DbDown-db".into()],
        },
        Correction::Detach {
            from: cascade,
            fingerprints: vec!["nobody".into()],
        },
    ] {
        assert_eq!(correlator.correct(&correction, second(2_001)), []);
    }
    assert_eq!(correlator.incidents().count(), before);
}

#[test]
fn a_pinned_incident_keeps_its_alerts_and_takes_others_in() {
    let mut correlator = correlator();
    let alerts = cascade();
    // The shop's front first, as an incident of its own; what is behind it later.
    let front = opened(&observe(&mut correlator, &alerts[2]));
    correlator.pinned(&front[0]);
    for alert in [&alerts[0], &alerts[1]] {
        observe(&mut correlator, alert);
    }
    correlator.settle(second(300));
    let incident = correlator.incident(&front[0]).expect("it is still there");
    assert_eq!(incident.size, 3);
    assert_eq!(correlator.incidents().count(), 1);
}

#[test]
fn what_a_person_merged_stays_merged() {
    let (mut correlator, cascade, mail) = two();
    let said = Correction::Merge {
        from: mail.clone(),
        into: cascade.clone(),
    };
    let decisions = correlator.correct(&said, second(2_001));
    assert_eq!(
        decisions,
        [Decision::Merged {
            from: mail.clone(),
            into: cascade.clone(),
            cause: None
        }]
    );
    assert_eq!(correlator.settle_due(), Some(second(2_004)));
    assert_eq!(changes(correlator.settle(second(2_004))), []);
    assert_eq!(correlator.incident(&cascade).unwrap().size, 5);
    assert!(correlator.incident(&mail).is_none());
    assert_eq!(correlator.correct(&said, second(2_020)), [], "it is over");
}

#[test]
fn what_a_person_split_stays_apart_under_an_id_of_its_own() {
    let (mut correlator, cascade, _) = two();
    // The alert that opened the incident: the new id must not be the old one.
    let said = Correction::Split {
        from: cascade.clone(),
        fingerprints: vec!["DbDown-db".into(), "KubePodNotReady-db-0".into()],
    };
    let decisions = correlator.correct(&said, second(2_001));
    let [Decision::Moved { into: Some(new), .. }, Decision::Moved { .. }] = &decisions[..] else {
        panic!("{decisions:?}")
    };
    assert_ne!(*new, cascade);
    assert_eq!(changes(correlator.settle(second(2_004))), []);
    assert_eq!(
        (correlator.incident(new).unwrap().size, correlator.incident(&cascade).unwrap().size),
        (2, 2)
    );
    assert!(!correlator.roots(correlator.incident(new).unwrap()).is_empty());
}

#[test]
fn what_a_person_detached_is_in_no_incident() {
    let (mut correlator, cascade, _) = two();
    let said = Correction::Detach {
        from: cascade.clone(),
        fingerprints: vec!["HighErrorRate-web".into()],
    };
    let decisions = correlator.correct(&said, second(2_001));
    assert!(
        matches!(&decisions[..], [Decision::Moved { into: None, membership: None, fingerprint, .. }] if fingerprint == "HighErrorRate-web"),
        "{decisions:?}"
    );
    assert_eq!(changes(correlator.settle(second(2_004))), []);
    assert_eq!(correlator.incident(&cascade).unwrap().size, 3);
}

#[test]
fn a_membership_says_why_in_a_sentence() {
    let mut correlator = correlator();
    let reasons: Vec<String> = feed(&mut correlator, &cascade())
        .into_iter()
        .filter_map(|decision| match decision {
            Decision::Joined { membership, .. } => Some(membership.reason()),
            _ => None,
        })
        .collect();
    assert_eq!(
        reasons[0], "Deployment/shop/cart calls StatefulSet/shop/db, which most likely started it",
        "{reasons:?}"
    );
}
