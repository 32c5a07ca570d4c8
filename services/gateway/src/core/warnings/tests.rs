use proptest::prelude::*;

use super::*;

fn time(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn settings() -> Settings {
    Settings {
        occurrences: 3,
        within: Duration::from_secs(600),
        quiet: Duration::from_secs(900),
        at_once: ["Evicted".to_owned()].into(),
        ignored: ["DNSConfigForming".to_owned()].into(),
    }
}

fn warning(uid: &str, reason: &str, pod: &str, count: u32) -> Warning {
    Warning {
        uid: uid.into(),
        reason: reason.into(),
        message: "Back-off restarting failed container".into(),
        kind: "Pod".into(),
        namespace: "shop".into(),
        name: pod.into(),
        count,
        first: time(0),
        last: time(0),
    }
}

#[test]
fn enough_events_of_one_workload_within_the_time_are_one_alert() {
    let mut warnings = Warnings::new(settings());
    assert_eq!(
        warnings.see(&warning("1", "BackOff", "cart-7d9f8c6b5d-aaaaa", 1), false, time(1)),
        None
    );
    assert_eq!(
        warnings.see(&warning("2", "BackOff", "cart-7d9f8c6b5d-bbbbb", 1), false, time(2)),
        None
    );
    assert_eq!(
        warnings.see(&warning("3", "BackOff", "db-0", 1), false, time(3)),
        None,
        "of another workload"
    );
    assert_eq!(
        warnings.see(&warning("4", "Unhealthy", "cart-7d9f8c6b5d-aaaaa", 1), false, time(3)),
        None,
        "of another reason"
    );
    let alert = warnings
        .see(&warning("2", "BackOff", "cart-7d9f8c6b5d-bbbbb", 2), false, time(4))
        .unwrap();
    assert_eq!(
        (alert.name(), alert.label("workload"), alert.label("namespace")),
        ("BackOff", "cart", "shop")
    );
    assert_eq!((alert.status, alert.starts_at), (AlertStatus::Firing, time(1)));
    assert_eq!(alert.annotations["objects"], "Pod/cart-7d9f8c6b5d-aaaaa, Pod/cart-7d9f8c6b5d-bbbbb");
    assert_eq!(
        warnings.see(&warning("2", "BackOff", "cart-7d9f8c6b5d-bbbbb", 9), false, time(5)),
        None,
        "it fires already"
    );
}

#[test]
fn events_too_far_apart_are_none() {
    let mut warnings = Warnings::new(settings());
    for minute in 0..5 {
        assert_eq!(
            warnings.see(&warning("1", "BackOff", "db-0", minute as u32 + 1), false, time(minute * 6)),
            None
        );
    }
}

#[test]
fn of_some_reasons_one_is_enough_and_some_mean_nothing() {
    let mut warnings = Warnings::new(settings());
    assert!(warnings.see(&warning("1", "Evicted", "db-0", 1), false, time(1)).is_some());
    assert_eq!(warnings.see(&warning("2", "DNSConfigForming", "db-0", 99), false, time(1)), None);
}

#[test]
fn it_ends_when_none_comes_any_longer_and_begins_anew() {
    let mut warnings = Warnings::new(settings());
    let fired = warnings.see(&warning("1", "Evicted", "db-0", 1), false, time(1)).unwrap();
    assert_eq!(warnings.due(), Some(time(16)));
    warnings.see(&warning("1", "Evicted", "db-0", 2), false, time(10));
    assert_eq!(warnings.look(time(24)), []);
    let ended = warnings.look(time(25));
    assert_eq!(
        (ended.len(), ended[0].status, ended[0].ends_at),
        (1, AlertStatus::Resolved, Some(time(10)))
    );
    assert_eq!((&ended[0].fingerprint, ended[0].starts_at), (&fired.fingerprint, fired.starts_at));
    assert_eq!((warnings.look(time(26)), warnings.due(), warnings.firing()), (Vec::new(), None, 0));
    let again = warnings.see(&warning("1", "Evicted", "db-0", 3), false, time(30)).unwrap();
    assert_eq!((again.fingerprint, again.starts_at), (fired.fingerprint, time(30)));
}

#[test]
fn what_fires_for_long_is_told_again() {
    let mut warnings = Warnings::new(settings());
    let fired = warnings.see(&warning("1", "Evicted", "db-0", 1), false, time(1)).unwrap();
    for minute in 2..31 {
        warnings.see(&warning("1", "Evicted", "db-0", minute as u32), false, time(minute));
        assert_eq!(warnings.look(time(minute)), []);
    }
    let told = warnings.look(time(31));
    assert_eq!(
        (told.len(), told[0].status, told[0].starts_at),
        (1, AlertStatus::Firing, fired.starts_at)
    );
}

#[test]
fn events_from_before_the_watch_count_by_their_own_times() {
    let mut warnings = Warnings::new(settings());
    let of = |uid: &str, pod: &str, count, first, last| Warning {
        first: time(first),
        last: time(last),
        ..warning(uid, "BackOff", pod, count)
    };
    assert!(warnings.see(&of("1", "a-0", 5, 95, 99), true, time(100)).is_some());
    assert_eq!(warnings.see(&of("2", "b-0", 5, 0, 50), true, time(100)), None, "it is long over");
    assert_eq!(warnings.see(&of("3", "c-0", 6, 0, 99), true, time(100)), None, "it is rare");
    assert!(warnings.see(&of("4", "d-0", 60, 0, 99), true, time(100)).is_some());
    assert_eq!(
        warnings.see(&of("1", "a-0", 5, 95, 99), true, time(101)),
        None,
        "listed again, it is the same"
    );
    let ahead = of("5", "e-0", 3, 100, 300);
    assert_eq!(warnings.see(&ahead, true, time(100)), None, "a clock that is ahead makes no future");
}

#[test]
fn a_successor_ends_what_its_predecessor_began() {
    let mut first = Warnings::new(settings());
    let fired = first.see(&warning("1", "Evicted", "db-0", 1), false, time(1)).unwrap();
    let mut second = Warnings::new(settings());
    second.restore(vec![fired.clone()], time(5));
    assert_eq!(
        second.see(&warning("1", "Evicted", "db-0", 1), true, time(5)),
        None,
        "it is told already"
    );
    let ended = second.look(time(20));
    assert_eq!(
        (ended.len(), &ended[0].fingerprint, ended[0].status),
        (1, &fired.fingerprint, AlertStatus::Resolved)
    );
}

#[test]
fn a_flood_of_different_events_does_not_fill_the_memory() {
    let mut warnings = Warnings::new(settings());
    for number in 0..MAX_FOLLOWED + 10 {
        warnings.see(&warning(&number.to_string(), "BackOff", &format!("pod{number}"), 1), false, time(1));
    }
    assert_eq!(
        (warnings.followed.len(), warnings.passed_over(), warnings.passed_over()),
        (MAX_FOLLOWED, 10, 0)
    );
    warnings.look(time(100));
    assert!(warnings.followed.is_empty() && warnings.counts.is_empty());
}

proptest! {
    /// What is told of an alert is always: it fires (any number of times), then it ended.
    #[test]
    fn every_end_has_a_beginning(steps in prop::collection::vec((0u8..3, 0u8..2, 0i64..20), 1..80)) {
        let mut warnings = Warnings::new(settings());
        let mut firing = BTreeSet::new();
        let (mut now, mut count) = (0, 0);
        for (pod, reason, pause) in steps {
            now += pause;
            count += 1;
            for alert in warnings.look(time(now)) {
                match alert.status {
                    AlertStatus::Resolved => prop_assert!(firing.remove(&alert.fingerprint)),
                    AlertStatus::Firing => prop_assert!(firing.contains(&alert.fingerprint)),
                }
            }
            let reason = ["BackOff", "Evicted"][usize::from(reason)];
            if let Some(alert) = warnings.see(&warning(&format!("{reason}{pod}"), reason, &format!("p{pod}-0"), count), false, time(now)) {
                prop_assert!(firing.insert(alert.fingerprint));
            }
            prop_assert_eq!(warnings.firing(), firing.len());
        }
        let ended = warnings.look(time(now + 15));
        prop_assert_eq!(ended.len(), firing.len());
        prop_assert_eq!(warnings.due(), None);
    }
}
