use proptest::prelude::*;

use super::*;

fn alert(fingerprint: &str, status: AlertStatus, second: i64, bytes: usize) -> Alert {
    Alert {
        fingerprint: fingerprint.into(),
        status,
        labels: [("alertname".into(), "Down".into())].into(),
        annotations: [("dump".into(), "x".repeat(bytes))].into(),
        starts_at: Timestamp::from_second(1_700_000_000 + second).unwrap(),
        ends_at: None,
        generator_url: String::new(),
        group_key: "g".into(),
    }
}

fn cut(source: &str, group_key: &str, whole_group: bool, alerts: Vec<Alert>) -> Vec<Part> {
    let context = Context {
        cluster: &"prod".parse().unwrap(),
        source,
        group_key,
        received_at: Timestamp::UNIX_EPOCH,
        whole_group,
    };
    split(context, alerts)
}

fn id(source: &str, group_key: &str, whole_group: bool, alerts: Vec<Alert>) -> String {
    cut(source, group_key, whole_group, alerts).remove(0).msg_id
}

#[test]
fn the_id_is_that_of_the_set_and_of_nothing_else() {
    let (a, b) = (alert("a", AlertStatus::Firing, 0, 1), alert("b", AlertStatus::Firing, 0, 1));
    let same = id("s", "g", true, vec![a.clone(), b.clone()]);
    assert_eq!(same, id("s", "g", true, vec![b.clone(), a.clone()]), "in any order");
    assert_eq!(same, id("s", "g", true, vec![b.clone(), a.clone(), b.clone()]), "however often");
    let mut described = a.clone();
    described.annotations.clear();
    assert_eq!(same, id("s", "g", true, vec![described, b.clone()]), "however described");

    let resolved = alert("a", AlertStatus::Resolved, 0, 1);
    let later = alert("a", AlertStatus::Firing, 1, 1);
    for other in [
        id("t", "g", true, vec![a.clone(), b.clone()]),
        id("s", "h", true, vec![a.clone(), b.clone()]),
        id("s", "g", false, vec![a.clone(), b.clone()]),
        id("s", "g", true, vec![a]),
        id("s", "g", true, vec![resolved, b.clone()]),
        id("s", "g", true, vec![later, b]),
    ] {
        assert_ne!(same, other);
    }
}

#[test]
fn what_fits_is_one_message_for_the_whole_group() {
    let parts = cut(
        "s",
        "g",
        true,
        vec![alert("b", AlertStatus::Firing, 0, 1), alert("a", AlertStatus::Firing, 0, 1)],
    );
    let [part] = &parts[..] else { panic!("{}", parts.len()) };
    let notification = &part.notification;
    assert_eq!((notification.from.as_str(), notification.until.as_str()), ("", ""));
    assert!(["", "a", "zzz"].iter().all(|fingerprint| notification.covers(fingerprint)));
    assert!(!cut("s", "g", false, Vec::new()).remove(0).notification.covers("a"));
}

proptest! {
    #[test]
    fn every_fingerprint_is_spoken_for_exactly_once_and_no_message_is_too_large(
        alerts in prop::collection::vec(("[a-f]{1,3}", any::<bool>(), 0..3_i64, 0..200_000_usize), 0..40),
        probe in "[a-f]{0,4}",
        whole in any::<bool>(),
    ) {
        let alerts: Vec<_> = alerts
            .into_iter()
            .map(|(fingerprint, firing, second, bytes)| {
                alert(&fingerprint, if firing { AlertStatus::Firing } else { AlertStatus::Resolved }, second, bytes)
            })
            .collect();
        let parts = cut("s", "g", whole, alerts.clone());
        let speakers = parts.iter().filter(|part| part.notification.covers(&probe)).count();
        prop_assert_eq!(speakers, usize::from(whole));
        for alert in &alerts {
            let lists = |part: &&Part| part.notification.alerts.iter().any(|listed| order(listed) == order(alert));
            prop_assert!(parts.iter().any(|part| lists(&part)), "an alert was lost");
            let speaker = parts.iter().find(|part| part.notification.covers(&alert.fingerprint));
            prop_assert!(speaker.is_none_or(|part| part.notification.alerts.iter().any(|listed| listed.fingerprint == alert.fingerprint)));
        }
        for part in &parts {
            let weights: usize = part.notification.alerts.iter().map(weight).sum();
            prop_assert!(weights <= MAX_PART_BYTES);
            prop_assert!(paramedic_wire::encode_notification(part.notification.clone()).len() <= weights + 128);
        }
    }
}
