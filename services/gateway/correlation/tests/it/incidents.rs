//! Which alerts are one incident.

use crate::shop::{alert, cascade, correlator, feed, second, shop};
use paramedic_correlation::{
    Correlator, Settings,
    decision::{Decision, Nowhere},
    topology::{Edge, Relation},
};
use paramedic_domain::alert::{Alert, AlertStatus};

#[test]
fn a_cascade_is_one_incident_with_its_origin_on_top() {
    let mut correlator = correlator();
    let decisions = feed(&mut correlator, &cascade());
    let opened = decisions.iter().filter(|decision| matches!(decision, Decision::Opened { .. }));
    assert_eq!(opened.count(), 1, "{decisions:#?}");
    let incident = correlator.incidents().next().unwrap();
    let roots = correlator.roots(incident);
    assert_eq!(roots[0].entity.to_string(), "StatefulSet/shop/db", "{roots:#?}");
    assert!(roots[0].belief > 0.5, "{roots:#?}");
    assert_eq!(roots[0].explains, 4, "the pod's late alert is the database's: its rule waits");
}

#[test]
fn what_has_nothing_to_do_with_it_is_an_incident_of_its_own() {
    let mut correlator = correlator();
    let mut alerts = cascade();
    alerts.insert(2, alert("MailQueueFull", "warning", "deployment", "mail", 170));
    let decisions = feed(&mut correlator, &alerts);
    let of_mail = decisions.iter().find_map(|decision| match decision {
        Decision::Opened { incident, fingerprint } if fingerprint == "MailQueueFull-mail" => Some(incident.clone()),
        _ => None,
    });
    let of_mail = of_mail.expect("it opens one");
    assert!(
        !decisions
            .iter()
            .any(|decision| matches!(decision, Decision::Merged { from, into, .. } if *from == of_mail || *into == of_mail))
    );
}

#[test]
fn two_alerts_of_a_service_and_of_what_calls_it_are_one_incident_whichever_comes_first() {
    for (first, second) in [("cart", "web"), ("web", "cart")] {
        let mut correlator = correlator();
        let alerts = [
            alert("HighErrorRate", "warning", "deployment", first, 170),
            alert("HighErrorRate", "warning", "deployment", second, 180),
            alert("MailQueueFull", "warning", "deployment", "mail", 110),
        ];
        feed(&mut correlator, &alerts);
        let homes = ["cart", "web"].map(|about| correlator.home(&format!("HighErrorRate-{about}")).cloned());
        assert_eq!(homes[0], homes[1], "{first} first");
        assert_ne!(homes[0].as_ref(), correlator.home("MailQueueFull-mail"));
        let incident = correlator.incident(homes[0].as_ref().unwrap()).unwrap();
        assert_eq!(
            correlator.roots(incident)[0].entity.to_string(),
            "Deployment/shop/cart",
            "{first} first"
        );
        assert!(incident.confidence() < 0.5, "two alerts prove little: {}", incident.confidence());
    }
}

#[test]
fn what_few_of_many_callers_notice_is_at_fault_all_the_same() {
    let mut topology = shop();
    topology.edges.extend((0..12).map(|number| Edge {
        from: format!("Deployment/shop/caller-{number}").parse().unwrap(),
        to: "Service/shop/cart".parse().unwrap(),
        relation: Relation::Calls,
    }));
    let mut correlator = Correlator::new("test".parse().unwrap(), Settings::default());
    correlator.set_topology(&topology);
    let alerts = ["cart", "web", "caller-3"].map(|about| alert("HighRequestLatency", "warning", "deployment", about, 300));
    feed(&mut correlator, &alerts);
    let home = correlator.home("HighRequestLatency-cart").unwrap();
    let incident = correlator.incident(home).unwrap();
    assert_eq!(incident.size, 3);
    let roots = correlator.roots(incident);
    assert_eq!(roots[0].entity.to_string(), "Deployment/shop/cart", "{roots:#?}");
}

#[test]
fn the_same_stream_leads_to_the_same_decisions_whatever_the_order_of_labels() {
    let once = feed(&mut correlator(), &cascade());
    assert_eq!(once, feed(&mut correlator(), &cascade()));
}

#[test]
fn what_pages_nobody_and_what_always_fires_open_nothing() {
    let mut correlator = correlator();
    let quiet = alert("CPUThrottlingHigh", "info", "deployment", "mail", 5);
    let always = alert("Watchdog", "none", "severity_of", "x", 0);
    for (alert, expected) in [(quiet, Nowhere::Background), (always, Nowhere::Constant)] {
        let decisions = correlator.observe(&alert, second(10));
        assert!(
            matches!(&decisions[..], [Decision::Nowhere { why, .. }] if *why == expected),
            "{decisions:?}"
        );
    }
    assert_eq!(correlator.incidents().count(), 0);
}

/// Why the only decision puts its alert nowhere, if it does.
fn nowhere(decisions: &[Decision]) -> Option<Nowhere> {
    match decisions {
        [Decision::Nowhere { why, .. }] => Some(*why),
        _ => None,
    }
}

#[test]
fn an_alert_is_counted_once_and_ends_where_it_is() {
    let mut correlator = correlator();
    let fires = alert("DbDown", "critical", "statefulset", "db", 75);
    let first = correlator.observe(&fires, second(80));
    let [Decision::Opened { incident, .. }, Decision::Ranked { .. }] = &first[..] else {
        panic!("{first:?}")
    };
    let again = correlator.observe(&fires, second(81));
    assert_eq!(nowhere(&again), Some(Nowhere::Repeated), "{again:?}");
    let ended = Alert {
        status: AlertStatus::Resolved,
        ends_at: Some(second(90)),
        ..fires.clone()
    };
    let resolved = correlator.observe(&ended, second(91));
    assert!(
        matches!(&resolved[..], [Decision::Resolved { incident: of, at, .. }] if of == incident && *at == second(90)),
        "{resolved:?}"
    );
    // A late message about what ended, and an end of what never fired.
    let late = correlator.observe(&fires, second(92));
    assert_eq!(nowhere(&late), Some(Nowhere::Outdated), "{late:?}");
    let nameless = Alert {
        fingerprint: "nameless".into(),
        labels: [].into(),
        ..ended
    };
    let unknown = correlator.observe(&nameless, second(93));
    assert_eq!(nowhere(&unknown), Some(Nowhere::NeverFired), "{unknown:?}");
}

#[test]
fn what_began_and_ended_between_two_messages_joins_what_explains_it_and_opens_nothing() {
    let mut correlator = correlator();
    let over = |fingerprint: &str, kind, name, at| Alert {
        fingerprint: fingerprint.into(),
        status: AlertStatus::Resolved,
        ends_at: Some(second(at + 10)),
        ..alert("HighErrorRate", "critical", kind, name, at)
    };
    let far = correlator.observe(&over("far", "deployment", "elsewhere", 70), second(85));
    assert_eq!(nowhere(&far), Some(Nowhere::Background), "{far:?}");
    let fires = alert("DbDown", "critical", "statefulset", "db", 75);
    let first = correlator.observe(&fires, second(86));
    let Some(Decision::Opened { incident, .. }) = first.first() else {
        panic!("{first:?}")
    };
    let near = over("near", "statefulset", "db", 76);
    let joined = correlator.observe(&near, second(90));
    assert!(
        matches!(&joined[..], [Decision::Joined { incident: into, .. }, Decision::Resolved { incident: of, at, .. }]
            if into == incident && of == incident && *at == second(86)),
        "{joined:?}"
    );
    let again = correlator.observe(&near, second(91));
    assert_eq!(nowhere(&again), Some(Nowhere::Repeated), "{again:?}");
}

#[test]
fn what_was_unknown_when_its_alert_came_is_recognised_in_the_next_topology() {
    let mut correlator = Correlator::new("test".parse().unwrap(), Settings::default());
    let mut decisions = Vec::new();
    for alert in &cascade()[..3] {
        decisions.extend(correlator.observe(alert, alert.starts_at));
    }
    assert_eq!(correlator.incidents().count(), 3, "nobody knows what calls what");
    correlator.set_topology(&shop());
    let due = correlator.settle_due().expect("they are looked at anew");
    correlator.settle(due.max(second(190)));
    assert_eq!(correlator.incidents().count(), 1);
    let incident = correlator.incidents().next().unwrap();
    assert_eq!(correlator.roots(incident)[0].entity.to_string(), "StatefulSet/shop/db");
}

#[test]
fn a_cascade_in_a_crowded_window_is_one_incident_still() {
    // A thousand alerts about other things within two minutes: more than a review looks at.
    let mut alerts: Vec<Alert> = (0..1_000)
        .map(|number| {
            let about = format!("other-{}", number % 100);
            let mut other = alert("HighErrorRate", "warning", "deployment", &about, i64::from(number) / 8);
            other.fingerprint = format!("other-{number}");
            other
        })
        .collect();
    alerts.extend(cascade());
    alerts.sort_by_key(|alert| alert.starts_at);
    let mut crowded = correlator();
    let decisions = feed(&mut crowded, &alerts);
    let homes: Vec<_> = cascade().iter().map(|alert| crowded.home(&alert.fingerprint).cloned()).collect();
    assert!(homes[0].is_some() && homes.iter().all(|home| *home == homes[0]), "{homes:?}");
    let incident = crowded.incident(homes[0].as_ref().unwrap()).unwrap();
    assert_eq!(crowded.roots(incident)[0].entity.to_string(), "StatefulSet/shop/db");
    assert_eq!(decisions, feed(&mut correlator(), &alerts), "and a replay says the same");
}
