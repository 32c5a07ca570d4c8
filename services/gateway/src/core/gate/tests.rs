use std::collections::BTreeSet;

use paramedic_domain::{
    alert::Severity,
    digest::Digest,
    envelope::Recorded,
    id::{IncidentId, WindowId},
    maintenance::{Schedule, Window, WindowChange},
    silence::{Muted, Silence},
};
use proptest::prelude::*;

use super::*;

fn time(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn alert(fingerprint: &str, namespace: &str, status: AlertStatus) -> Alert {
    Alert {
        fingerprint: fingerprint.into(),
        status,
        labels: BTreeMap::from([("namespace".to_owned(), namespace.to_owned())]),
        annotations: BTreeMap::new(),
        starts_at: time(0),
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    }
}

fn firing(fingerprint: &str, namespace: &str) -> Alert {
    alert(fingerprint, namespace, AlertStatus::Firing)
}

fn window(name: &str, namespace: &str, from: i64, until: i64) -> WindowChange {
    WindowChange::Added {
        window: Window {
            id: WindowId::derive(&[name]),
            matchers: vec![format!("namespace={namespace}").parse().unwrap()],
            schedule: Schedule::Once {
                from: time(from),
                until: time(until),
            },
            reason: "disks".into(),
            by: "ann".into(),
        },
    }
}

fn silences(seen: i64, silences: &[(&str, &str, i64, i64)], inhibited: &[&str]) -> Quiet {
    let silence = |namespace: &str, from, until| Silence {
        matchers: vec![format!("namespace={namespace}").parse().unwrap()],
        starts_at: time(from),
        ends_at: time(until),
        by: "ann".into(),
        comment: "disks".into(),
    };
    let muted = |root: &str| Muted {
        silenced_by: Vec::new(),
        inhibited_by: vec![root.to_owned()],
    };
    Quiet {
        source: "alertmanager".into(),
        seen_at: time(seen),
        silences: silences
            .iter()
            .map(|(id, namespace, from, until)| ((*id).to_owned(), silence(namespace, *from, *until)))
            .collect(),
        alerts: inhibited.iter().map(|name| ((*name).to_owned(), muted("root"))).collect(),
    }
}

fn gate() -> Gate {
    let all = ["*".to_owned()];
    Gate::new(Scope::new("cluster", &all, &all, &["kube-*".to_owned()]).unwrap())
}

fn tell(gate: &mut Gate, change: &WindowChange, minute: i64) {
    let change = change.clone();
    gate.window(&WindowTold {
        told_at: time(minute),
        change,
    });
}

fn admit(gate: &mut Gate, alert: &Alert, minute: i64) -> Admission {
    gate.admit(alert, &Facts::default(), time(minute))
}

fn released(gate: &mut Gate, at: Timestamp) -> Vec<Alert> {
    gate.released(at).unwrap_or_default()
}

fn review(gate: &Gate, incident: &Incident, at: Timestamp) -> Vec<Event> {
    gate.keepers().review(incident, Position::default(), at)
}

fn names(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.fingerprint.as_str()).collect()
}

#[test]
fn an_alert_in_a_window_counts_once_the_window_ends_if_it_still_fires() {
    let mut gate = gate();
    tell(&mut gate, &window("a", "shop", 10, 20), 5);
    assert_eq!(admit(&mut gate, &firing("early", "shop"), 9), Admission::Counts);
    for name in ["fires", "ends"] {
        assert!(matches!(admit(&mut gate, &firing(name, "shop"), 12), Admission::Held(_)));
    }
    assert_eq!(admit(&mut gate, &firing("else", "pay"), 12), Admission::Counts);
    let ended = alert("ends", "shop", AlertStatus::Resolved);
    assert_eq!(admit(&mut gate, &ended, 15), Admission::EndedQuietly);
    assert_eq!(admit(&mut gate, &ended, 16), Admission::Counts, "nothing is known of it any longer");
    assert!(released(&mut gate, time(19)).is_empty());
    assert_eq!(gate.next(), Some(time(20)));
    assert_eq!(names(&released(&mut gate, time(20))), ["fires"]);
    assert_eq!((gate.held(), gate.next()), (0, None));
}

#[test]
fn ending_a_window_early_lets_its_alerts_go_at_once() {
    let mut gate = gate();
    tell(&mut gate, &window("a", "shop", 10, 60), 5);
    admit(&mut gate, &firing("a", "shop"), 12);
    let ended = WindowChange::Ended {
        id: WindowId::derive(&["a"]),
        by: "bob".into(),
    };
    tell(&mut gate, &ended, 15);
    assert_eq!(names(&released(&mut gate, time(15))), ["a"]);
}

#[test]
fn what_two_keep_quiet_is_quiet_until_the_last_lets_go() {
    let mut gate = gate();
    tell(&mut gate, &window("a", "shop", 10, 20), 5);
    gate.quiet(silences(11, &[("s", "shop", 11, 30)], &[]));
    let Admission::Held(by) = admit(&mut gate, &firing("a", "shop"), 12) else {
        panic!("it counts");
    };
    assert_eq!(by.until, Some(time(30)), "the longest is named");
    assert!(released(&mut gate, time(20)).is_empty());
    assert_eq!(names(&released(&mut gate, time(30))), ["a"]);
}

#[test]
fn an_inhibited_alert_counts_when_alertmanager_no_longer_says_so_or_says_nothing_for_long() {
    let mut gate = gate();
    gate.quiet(silences(0, &[], &["a", "b"]));
    for name in ["a", "b"] {
        assert!(matches!(admit(&mut gate, &firing(name, "shop"), 1), Admission::Held(_)));
    }
    gate.quiet(silences(2, &[], &["b"]));
    assert_eq!(names(&released(&mut gate, time(2))), ["a"]);
    assert_eq!(names(&released(&mut gate, time(17))), ["b"]);
}

#[test]
fn what_is_out_of_scope_is_neither_held_nor_released() {
    let mut gate = gate();
    tell(&mut gate, &window("a", "kube-system", 10, 20), 5);
    let out = admit(&mut gate, &firing("a", "kube-system"), 12);
    assert_eq!(out, Admission::OutOfScope(OutOfScope::Excluded));
    assert!(released(&mut gate, time(20)).is_empty());
}

fn incident(alerts: &[Alert]) -> Incident {
    let incident = Incident::new("eu".parse().unwrap(), IncidentId::derive(&["gate"]));
    after(
        incident,
        [Event::IncidentOpened {
            title: "slow".into(),
            severity: Severity::Warning,
            alerts: alerts.to_vec(),
            traceparent: None,
            request: None,
        }],
    )
}

fn after(mut incident: Incident, events: impl IntoIterator<Item = Event>) -> Incident {
    for event in events {
        let envelope = incident.next_envelope(event, time(0), None);
        let digest = Digest::of_json(&envelope);
        incident.apply(&Recorded { envelope, digest }).unwrap();
    }
    incident
}

#[test]
fn an_open_incident_says_which_of_its_alerts_are_kept_quiet_and_when_they_no_longer_are() {
    let mut gate = gate();
    let before = incident(&[firing("a", "shop"), firing("b", "shop"), firing("c", "pay")]);
    assert_eq!(review(&gate, &before, time(1)), []);
    gate.quiet(silences(2, &[("s", "shop", 2, 30)], &[]));
    let events = review(&gate, &before, time(2));
    let [
        Event::AlertsSuppressed {
            fingerprints, by, until, ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (fingerprints.len(), by.as_str(), *until),
        (2, "silence s of ann: disks", Some(time(30)))
    );
    let quiet = after(before, events);
    assert_eq!(review(&gate, &quiet, time(3)), [], "it is said already");
    let events = review(&gate, &quiet, time(30));
    let [Event::AlertsCorrelated { alerts, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(names(alerts), ["a", "b"]);
    let loud = after(quiet, events);
    assert_eq!((review(&gate, &loud, time(31)), loud.misfits), (Vec::new(), 0));
}

#[derive(Debug, Clone)]
enum Step {
    Alert(u8, bool),
    Window(u8, i64),
    EndWindow(u8),
    Silences(Vec<(u8, i64)>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..4, any::<bool>()).prop_map(|(name, fires)| Step::Alert(name, fires)),
        1 => (0u8..2, 1i64..20).prop_map(|(name, minutes)| Step::Window(name, minutes)),
        1 => (0u8..2).prop_map(Step::EndWindow),
        1 => prop::collection::vec((0u8..2, 1i64..20), 0..3).prop_map(Step::Silences),
    ]
}

proptest! {
    /// What fires is, at every moment, either counted or kept quiet for a reason; nothing is lost, and nothing counts twice.
    #[test]
    fn every_firing_alert_counts_or_is_kept_quiet(steps in prop::collection::vec((step(), 1i64..5), 1..60)) {
        let mut gate = gate();
        let (mut fires, mut counts) = (BTreeSet::new(), BTreeSet::new());
        let mut now = 0;
        for (step, pause) in steps {
            now += pause;
            match step {
                Step::Alert(name, true) => {
                    let name = name.to_string();
                    let namespace = if name.as_str() < "2" { "ns0" } else { "ns1" };
                    if !counts.contains(&name) && admit(&mut gate, &firing(&name, namespace), now) == Admission::Counts {
                        counts.insert(name.clone());
                    }
                    fires.insert(name);
                }
                Step::Alert(name, false) => {
                    let name = name.to_string();
                    admit(&mut gate, &alert(&name, "ns0", AlertStatus::Resolved), now);
                    fires.remove(&name);
                    counts.remove(&name);
                }
                Step::Window(name, minutes) => tell(&mut gate, &window(&name.to_string(), &format!("ns{name}"), now, now + minutes), now),
                Step::EndWindow(name) => {
                    let ended = WindowChange::Ended { id: WindowId::derive(&[&name.to_string()]), by: "bob".into() };
                    tell(&mut gate, &ended, now);
                }
                Step::Silences(made) => {
                    let names: Vec<(String, i64)> = made.iter().map(|(name, minutes)| (format!("ns{name}"), now + minutes)).collect();
                    let made: Vec<_> = names.iter().map(|(name, until)| (name.as_str(), name.as_str(), now, *until)).collect();
                    gate.quiet(silences(now, &made, &[]));
                }
            }
            for alert in released(&mut gate, time(now)) {
                prop_assert!(counts.insert(alert.fingerprint.clone()), "{} counts twice", alert.fingerprint);
            }
            prop_assert_eq!(fires.len(), counts.len() + gate.held());
            for alert in gate.held.values() {
                prop_assert!(gate.keepers().holding(alert, time(now)).is_some(), "{} is held by nobody", alert.fingerprint);
            }
        }
        // In the end everybody lets go.
        for alert in released(&mut gate, time(now + 100)) {
            counts.insert(alert.fingerprint);
        }
        prop_assert_eq!(fires, counts);
    }
}
