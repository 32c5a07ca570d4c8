use std::collections::BTreeMap;

use paramedic_domain::alert::Priority;
use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn alert(fingerprint: &str, start: i64) -> Alert {
    Alert {
        fingerprint: fingerprint.into(),
        status: AlertStatus::Firing,
        labels: BTreeMap::from([("alertname".into(), format!("Alert{fingerprint}"))]),
        annotations: BTreeMap::new(),
        starts_at: at(start),
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    }
}

fn entry(sequence: u64, what: What) -> Entry {
    Entry {
        position: Position { sequence, index: 1 },
        what,
    }
}

fn join(sequence: u64, fingerprint: &str, start: i64) -> Entry {
    urgent(sequence, fingerprint, start, Priority::P4)
}

fn urgent(sequence: u64, fingerprint: &str, start: i64, priority: Priority) -> Entry {
    let joiner = Joiner {
        alert: alert(fingerprint, start),
        reason: format!("because of {fingerprint}"),
        urgency: Assessment {
            severity: Severity::Warning,
            priority,
            environment: "production".into(),
            team: String::new(),
            rule: String::new(),
            failed: Vec::new(),
        },
    };
    entry(sequence, What::Join(vec![joiner]))
}

fn resolve(sequence: u64, fingerprint: &str) -> Entry {
    let fingerprint = fingerprint.into();
    entry(sequence, What::Resolve { fingerprint, at: at(900) })
}

fn detach(sequence: u64, fingerprint: &str) -> Entry {
    let what = What::Detach {
        fingerprints: vec![fingerprint.into()],
        into: Some("inc_other".parse().unwrap()),
        reason: "it is of another one".into(),
    };
    entry(sequence, what)
}

fn nobody() -> Incident {
    Incident::new("prod".parse().unwrap(), "inc_a".parse().unwrap())
}

/// The incident with what was missing, and what that was.
fn written(incident: &Incident, entries: &[Entry]) -> (Incident, Vec<Event>) {
    let events = missing(incident, entries, None, at(1_000));
    (incident.foresee(&events, at(1_000), None), events)
}

#[test]
fn the_first_alerts_open_the_incident_and_later_ones_join_it_with_their_reasons() {
    let (incident, events) = written(&nobody(), &[join(1, "a", 0), join(2, "b", 1)]);
    let [Event::IncidentOpened { alerts, severity, .. }, Event::IncidentTriaged { .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((alerts.len(), *severity), (2, Severity::Warning));
    let (incident, events) = written(&incident, &[join(3, "c", 2), join(4, "d", 3), join(5, "a", 0)]);
    assert!(matches!(&events[..], [Event::AlertsCorrelated { alerts, reasons, .. }] if alerts.len() == 2 && reasons.len() == 2));
    assert_eq!(incident.members["d"].reason, "because of d");
    assert_eq!(
        incident.position,
        Position { sequence: 5, index: 1 },
        "up to what was known already"
    );
}

#[test]
fn what_is_more_urgent_is_said_once_even_when_a_crash_came_before_it() {
    let (incident, events) = written(&nobody(), &[urgent(1, "a", 0, Priority::P3)]);
    assert_eq!((incident.priority, events.len()), (Some(Priority::P3), 2));
    let more = [urgent(2, "b", 1, Priority::P1)];
    let events = missing(&incident, &more, None, at(1_000));
    // Only the first of the events was stored.
    let after = incident.foresee(&events[..1], at(1_000), None);
    assert_eq!((after.alerts.len(), after.priority), (2, Some(Priority::P3)));
    let (after, events) = written(&after, &more);
    assert!(
        matches!(
            &events[..],
            [Event::IncidentTriaged {
                priority: Priority::P1,
                ..
            }]
        ),
        "{events:?}"
    );
    assert_eq!((after.environment.as_str(), after.misfits), ("production", 0));
    assert!(missing(&after, &more, None, at(1_000)).is_empty());
    assert!(
        missing(&after, &[urgent(3, "a", 0, Priority::P2)], None, at(1_000)).is_empty(),
        "it is no news"
    );
}

#[test]
fn an_alert_that_flaps_is_one_alert_with_a_count() {
    let (incident, _) = written(
        &nobody(),
        &[
            join(1, "a", 0),
            resolve(2, "a"),
            join(3, "a", 60),
            resolve(4, "a"),
            join(5, "a", 120),
        ],
    );
    assert_eq!((incident.alerts.len(), incident.members["a"].firings), (1, 3));
    assert_eq!(incident.firing().count(), 1);
}

#[test]
fn who_was_replaced_and_does_not_know_it_brings_nothing_back() {
    let old = [join(1, "a", 0), join(2, "b", 0)];
    let (incident, _) = written(&nobody(), &old);
    let (incident, _) = written(&incident, &[detach(7, "b")]);
    let (incident, events) = written(&incident, &old);
    assert!(events.is_empty(), "{events:?}");
    assert_eq!(incident.alerts.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn an_incident_that_is_left_by_its_last_alert_continues_where_that_went() {
    let (incident, _) = written(&nobody(), &[join(1, "a", 0)]);
    let (incident, _) = written(&incident, &[detach(2, "a")]);
    assert_eq!(incident.status(), Status::Merged);
    assert_eq!(incident.misfits, 0);
}

#[test]
fn nothing_joins_what_is_over_except_where_a_person_took_over() {
    let (incident, _) = written(&nobody(), &[join(1, "a", 0)]);
    let end = |event| incident.foresee(&[event], at(950), None);
    let resolved = end(Event::IncidentResolved { reason: "verified".into() });
    assert!(missing(&resolved, &[join(2, "b", 0)], None, at(1_000)).is_empty());
    let escalated = end(Event::IncidentEscalated { reason: "no plan".into() });
    assert_eq!(missing(&escalated, &[join(2, "b", 0)], None, at(1_000)).len(), 1);
}

#[test]
fn many_alerts_in_little_time_are_a_storm_said_once() {
    let joins: Vec<Entry> = (1..=12).map(|n| join(n, &format!("f{n}"), 0)).collect();
    let (incident, events) = written(&nobody(), &joins);
    assert!(matches!(events.last(), Some(Event::StormDeclared { alerts: 12, .. })));
    let (_, events) = written(&incident, &[join(13, "g", 0)]);
    assert!(matches!(&events[..], [Event::AlertsCorrelated { .. }]));
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (0..3_u8, 0..4_u8, 0..3_i64);
    proptest::collection::vec(one, 1..24).prop_map(|all| {
        // Nothing ends that never began.
        let begin = (1..=4).map(|n| join(n, &format!("f{}", n - 1), 0));
        let go_on = (5..).zip(all).map(|(sequence, (kind, alert, start))| {
            let fingerprint = format!("f{alert}");
            match kind {
                0 => resolve(sequence, &fingerprint),
                1 => detach(sequence, &fingerprint),
                _ => join(sequence, &fingerprint, start * 60),
            }
        });
        begin.chain(go_on).collect()
    })
}

proptest! {
    /// Whoever writes what, however often, in whatever portions: the incident ends up as if one had written everything once.
    #[test]
    fn portions_and_repetitions_change_nothing(entries in entries(), cuts in proptest::collection::vec((0..24_usize, 0..24_usize), 1..8)) {
        let (whole, _) = written(&nobody(), &entries);
        let mut incident = nobody();
        let mut reached = 0;
        for (from, to) in cuts {
            // Nobody begins beyond what is written.
            let from = from.min(reached);
            let to = to.min(entries.len()).max(from);
            incident = written(&incident, &entries[from..to]).0;
            reached = reached.max(to);
        }
        incident = written(&incident, &entries[..]).0;
        prop_assert_eq!(&incident.alerts, &whole.alerts);
        prop_assert_eq!(incident.end.is_some(), whole.end.is_some());
        prop_assert_eq!(incident.misfits, 0);
    }
}

fn folded(events: &[Event]) -> Incident {
    nobody().foresee(events, at(100), None)
}

/// A group of so many alerts, each with a text of a kilobyte, as one decision.
fn crowd(count: usize) -> Entry {
    let mut all = Vec::new();
    for number in 0..count {
        let What::Join(mut joiners) = join(7, &format!("f{number:05}"), 0).what else {
            unreachable!("a join is a join")
        };
        for joiner in &mut joiners {
            joiner.alert.annotations.insert("description".into(), "x".repeat(1_000));
        }
        all.extend(joiners);
    }
    entry(7, What::Join(all))
}

#[test]
fn a_crowd_that_is_too_large_for_one_message_joins_in_several_and_a_crash_between_them_loses_nobody() {
    let crowd = [crowd(3_000)];
    let events = missing(&nobody(), &crowd, None, at(100));
    let joins: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            Event::IncidentOpened { alerts, .. } | Event::AlertsCorrelated { alerts, .. } => Some(alerts.iter().map(weight).sum()),
            _ => None,
        })
        .collect();
    assert!(joins.len() > 4 && joins.iter().all(|bytes| *bytes <= MAX_EVENT_BYTES), "{joins:?}");
    assert_eq!(folded(&events).alerts.len(), 3_000);
    for written in 0..events.len() {
        let before = folded(&events[..written]);
        let rest = missing(&before, &crowd, None, at(100));
        assert_eq!(before.foresee(&rest, at(100), None).alerts.len(), 3_000, "after {written} events");
    }
    assert!(missing(&folded(&events), &crowd, None, at(100)).is_empty());
}

#[test]
fn a_crowd_that_leaves_leaves_in_several_events_and_a_crash_between_them_keeps_nobody_back() {
    let before = folded(&missing(&nobody(), &[crowd(12_000)], None, at(100)));
    let fingerprints: Vec<String> = before.alerts.keys().cloned().collect();
    let what = What::Detach {
        fingerprints,
        into: Some("inc_other".parse().unwrap()),
        reason: "x".repeat(1 << 20),
    };
    let leaving = [entry(8, what)];
    let events = missing(&before, &leaving, None, at(101));
    for written in 0..events.len() {
        let halfway = before.foresee(&events[..written], at(101), None);
        let rest = missing(&halfway, &leaving, None, at(101));
        let after = halfway.foresee(&rest, at(101), None);
        assert_eq!((after.alerts.len(), after.status()), (0, Status::Merged), "after {written} events");
    }
    for event in &events {
        let bytes = format!("{event:?}").len();
        assert!(bytes < 1 << 20, "{bytes}");
    }
}
