use paramedic_domain::{digest::Digest, envelope::Recorded};

use super::*;

const GRACE: Duration = Duration::from_secs(900);

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
}

fn alert(fingerprint: &str, status: AlertStatus, starts: i64) -> Alert {
    Alert {
        fingerprint: fingerprint.into(),
        status,
        labels: [("alertname".into(), "Down".into()), ("severity".into(), "critical".into())].into(),
        annotations: [].into(),
        starts_at: at(starts),
        ends_at: (status == AlertStatus::Resolved).then(|| at(starts + 5)),
        generator_url: String::new(),
        group_key: "group".into(),
    }
}

fn firing(fingerprint: &str, starts: i64) -> Alert {
    alert(fingerprint, AlertStatus::Firing, starts)
}

fn resolved(fingerprint: &str, starts: i64) -> Alert {
    alert(fingerprint, AlertStatus::Resolved, starts)
}

fn empty() -> Incident {
    let cluster = "prod".parse().unwrap();
    let id = new_incident(&cluster, &firing("a", 0), None);
    Incident::new(cluster, id)
}

fn grown(incident: &Incident, events: Vec<Event>, minute: i64) -> Incident {
    let mut incident = incident.clone();
    for event in events {
        let envelope = incident.next_envelope(event, at(minute), None);
        let digest = Digest::of_json(&envelope);
        incident.apply(&Recorded { envelope, digest }).unwrap();
    }
    assert_eq!(incident.misfits, 0);
    incident
}

/// The incident after a message about `alert`.
fn after(incident: &Incident, alert: &Alert) -> Incident {
    grown(incident, decide(incident, alert, None, at(1)), 1)
}

fn ended(incident: &Incident, event: Event) -> Incident {
    grown(incident, vec![event], 10)
}

fn fixed() -> Event {
    Event::IncidentResolved { reason: "verified".into() }
}

fn escalated() -> Event {
    Event::IncidentEscalated { reason: "stuck".into() }
}

#[test]
fn the_first_alert_opens_the_second_joins_the_third_repeats() {
    let opening = decide(&empty(), &firing("a", 0), Some("00-trace"), at(1));
    assert!(
        matches!(&opening[..], [Event::IncidentOpened { title, traceparent: Some(trace), .. }] if title == "Down" && trace == "00-trace")
    );
    let open = grown(&empty(), opening, 1);
    assert_eq!(route(&firing("b", 1), Some(&open), at(2), GRACE), Route::Here);
    let joined = after(&open, &firing("b", 1));
    assert_eq!(joined.alerts.len(), 2);
    assert_eq!(
        route(&firing("b", 1), Some(&joined), at(3), GRACE),
        Route::Nowhere(Reason::Repeated)
    );
    assert_eq!(decide(&joined, &firing("b", 1), None, at(3)), []);
}

#[test]
fn an_incident_that_was_claimed_but_not_opened_is_opened_by_whoever_comes_next() {
    assert_eq!(route(&firing("b", 0), Some(&empty()), at(1), GRACE), Route::Here);
    assert_eq!(decide(&empty(), &firing("b", 0), None, at(1)).len(), 1);
}

#[test]
fn a_resolved_alert_resolves_and_never_opens() {
    assert_eq!(route(&resolved("a", 0), None, at(6), GRACE), Route::Nowhere(Reason::NeverFired));
    assert_eq!(
        route(&resolved("a", 0), Some(&empty()), at(6), GRACE),
        Route::Nowhere(Reason::NeverFired)
    );
    assert_eq!(decide(&empty(), &resolved("a", 0), None, at(6)), []);

    let open = after(&empty(), &firing("a", 0));
    assert_eq!(route(&resolved("a", 0), Some(&open), at(6), GRACE), Route::Here);
    let quiet = after(&open, &resolved("a", 0));
    assert_eq!(quiet.firing().count(), 0);
    assert_eq!(quiet.alerts["a"].ends_at, Some(at(5)));
    assert_eq!(
        route(&resolved("a", 0), Some(&quiet), at(7), GRACE),
        Route::Nowhere(Reason::Repeated)
    );
    assert_eq!(decide(&quiet, &resolved("a", 0), None, at(7)), []);
}

#[test]
fn messages_out_of_order_do_not_turn_time_back() {
    let open = after(&empty(), &firing("a", 0));
    let again = after(&after(&open, &resolved("a", 0)), &firing("a", 7));
    assert_eq!(again.firing().count(), 1);
    for late in [resolved("a", 0), firing("a", 0)] {
        assert_eq!(route(&late, Some(&again), at(9), GRACE), Route::Nowhere(Reason::Outdated));
        assert_eq!(decide(&again, &late, None, at(9)), []);
    }
    let quiet = after(&open, &resolved("a", 0));
    assert_eq!(route(&firing("a", 0), Some(&quiet), at(9), GRACE), Route::Nowhere(Reason::Outdated));
}

#[test]
fn a_resolution_of_a_firing_nobody_saw_ends_the_known_one() {
    let open = after(&empty(), &firing("a", 10));
    let by_hand = resolved("a", 0);
    assert_eq!(route(&by_hand, Some(&open), at(20), GRACE), Route::Nowhere(Reason::Outdated));
    let events = decide(&open, &adopt(&by_hand, &open), None, at(20));
    assert!(
        matches!(&events[..], [Event::AlertsResolved { at: end, .. }] if *end == at(20)),
        "{events:?}"
    );
}

#[test]
fn after_the_end_only_a_new_firing_opens_a_new_incident() {
    let open = after(&empty(), &firing("a", 0));
    for end in [fixed(), escalated()] {
        let over = ended(&open, end);
        assert_eq!(route(&firing("a", 0), Some(&over), at(11), GRACE), Route::Nowhere(Reason::Ended));
        assert_eq!(route(&firing("a", 11), Some(&over), at(11), GRACE), Route::New);
        assert_eq!(route(&firing("b", 0), Some(&over), at(11), GRACE), Route::New);
        assert_eq!(decide(&over, &firing("b", 0), None, at(11)), []);
        assert!(!holds(&over, &firing("b", 0)));
    }
}

#[test]
fn an_alert_that_fires_long_after_its_fix_opens_a_new_incident_but_not_after_people_took_over() {
    let open = after(&empty(), &firing("a", 0));
    assert_eq!(route(&firing("a", 0), Some(&ended(&open, fixed())), at(26), GRACE), Route::New);
    assert_eq!(
        route(&firing("a", 0), Some(&ended(&open, escalated())), at(26), GRACE),
        Route::Nowhere(Reason::Ended)
    );
}

#[test]
fn the_new_incidents_id_depends_on_the_old_one() {
    let cluster = "prod".parse().unwrap();
    let first = new_incident(&cluster, &firing("a", 0), None);
    let second = new_incident(&cluster, &firing("a", 0), Some(&first));
    assert_ne!(first, second);
    assert_eq!(first, new_incident(&cluster, &firing("b", 0), None));
    assert_ne!(first, new_incident(&"test".parse().unwrap(), &firing("a", 0), None));
}
