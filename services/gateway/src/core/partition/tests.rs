use std::collections::BTreeMap;

use paramedic_domain::{
    alert::{Alert, AlertStatus, Notification},
    correlation::{Correction, Notice, Stage, Told},
};
use proptest::prelude::*;

use super::*;

const REFIRE: Duration = Duration::from_secs(900);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn alert(workload: &str, fingerprint: &str, status: AlertStatus, start: i64) -> Alert {
    let labels = [
        ("alertname", "KubePodCrashLooping"),
        ("namespace", "shop"),
        ("deployment", workload),
        ("severity", "critical"),
        ("instance", fingerprint),
    ];
    Alert {
        fingerprint: fingerprint.into(),
        status,
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        annotations: BTreeMap::new(),
        starts_at: at(start),
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    }
}

fn firing(workload: &str, fingerprint: &str, start: i64) -> Alert {
    alert(workload, fingerprint, AlertStatus::Firing, start)
}

/// A stream that is read.
struct Stream {
    partition: Partition,
    sequence: u64,
}

impl Stream {
    fn new() -> Self {
        let all = ["*".to_owned()];
        let scope = Scope::new("cluster", &all, &all, &[]).unwrap();
        Self {
            partition: Partition::new("prod".parse().unwrap(), REFIRE, scope),
            sequence: 0,
        }
    }

    fn notify(&mut self, group: &str, whole_group: bool, second: i64, alerts: &[Alert]) -> Vec<Effect> {
        self.sequence += 1;
        let notification = Notification {
            source: "alertmanager".into(),
            group_key: group.into(),
            received_at: at(second),
            whole_group,
            from: String::new(),
            until: String::new(),
            alerts: alerts.to_vec(),
        };
        self.partition.notified(&notification, self.sequence).effects
    }

    fn tell(&mut self, second: i64, notice: Notice) -> Vec<Effect> {
        self.sequence += 1;
        let told = Told {
            cluster: "prod".parse().unwrap(),
            at: at(second),
            notice,
        };
        self.partition.told(&told, self.sequence).effects
    }
}

fn opened(effects: &[Effect]) -> Vec<IncidentId> {
    let opens = effects.iter().filter(|effect| matches!(effect.change, Change::Open(_)));
    opens.map(|effect| effect.incident.clone()).collect()
}

#[test]
fn an_alert_whose_end_is_read_before_it_is_in_an_incident_and_over() {
    let mut stream = Stream::new();
    let ended = alert("web", "a", AlertStatus::Resolved, 0);
    assert!(stream.notify("g", true, 20, &[ended]).is_empty());
    let late = stream.notify("g", true, 10, &[firing("web", "a", 0)]);
    let [opened, resolved] = [0, 1].map(|at| late.iter().filter(|effect| !matches!(effect.change, Change::Rank(_))).nth(at));
    assert!(matches!(opened.unwrap().change, Change::Open(_)), "{late:?}");
    assert!(
        matches!(&resolved.unwrap().change, Change::Resolve { fingerprint, .. } if fingerprint == "a"),
        "{late:?}"
    );
    // Once, however often it is repeated.
    assert!(stream.notify("g", true, 11, &[firing("web", "a", 0)]).is_empty());
}

#[test]
fn what_comes_late_out_of_a_spool_ends_nothing_that_it_cannot_know() {
    let mut stream = Stream::new();
    let (a, b) = (firing("web", "a", 0), firing("web", "b", 20));
    stream.notify("g", true, 0, std::slice::from_ref(&a));
    // This one was stored at once, the one before it waited in the spool of another gateway.
    stream.notify("g", true, 25, &[a.clone(), b.clone()]);
    let late = stream.notify("g", true, 10, std::slice::from_ref(&a));
    assert!(late.is_empty(), "{late:?}");
    let next = stream.notify("g", true, 40, std::slice::from_ref(&a));
    assert!(
        next.iter()
            .any(|effect| matches!(&effect.change, Change::Resolve { fingerprint, .. } if fingerprint == "b")),
        "{next:?}"
    );
}

#[test]
fn what_vanishes_from_a_whole_group_is_resolved_and_from_a_part_is_not() {
    let mut stream = Stream::new();
    let (a, b) = (firing("web", "a", 0), firing("web", "b", 0));
    stream.notify("g", true, 10, &[a.clone(), b.clone()]);
    assert!(stream.notify("g", false, 20, std::slice::from_ref(&b)).is_empty());
    assert!(
        stream
            .notify("other", true, 25, &[firing("web", "c", 0)])
            .iter()
            .all(|effect| !matches!(effect.change, Change::Resolve { .. }))
    );
    let effects = stream.notify("g", true, 30, &[b]);
    let resolved: Vec<_> = effects.iter().map(|effect| &effect.change).collect();
    let expected = Change::Resolve {
        fingerprint: "a".into(),
        at: at(30),
    };
    assert_eq!(resolved, [&expected]);
    // And it can come back.
    assert!(!stream.notify("g", true, 40, &[firing("web", "a", 35)]).is_empty());
}

#[test]
fn an_alert_that_went_to_another_group_does_not_vanish_with_the_old_one() {
    let mut stream = Stream::new();
    stream.notify("g", true, 10, &[firing("web", "a", 0), firing("web", "b", 0)]);
    stream.notify("h", true, 20, &[firing("web", "a", 0)]);
    assert!(stream.notify("g", true, 30, &[firing("web", "b", 0)]).is_empty());
}

#[test]
fn a_resolution_by_hand_ends_the_firing_that_is_known() {
    let mut stream = Stream::new();
    stream.notify("g", true, 100, &[firing("web", "a", 60)]);
    let effects = stream.notify("g", true, 200, &[alert("web", "a", AlertStatus::Resolved, 30)]);
    assert!(
        matches!(
            &effects[..],
            [Effect {
                change: Change::Resolve { .. },
                ..
            }]
        ),
        "{effects:?}"
    );
}

#[test]
fn a_late_resolution_of_an_earlier_firing_ends_nothing() {
    let mut stream = Stream::new();
    stream.notify("g", true, 10, &[firing("web", "a", 0)]);
    stream.notify("g", true, 100, &[firing("web", "a", 60)]);
    assert!(
        stream
            .notify("g", true, 110, &[alert("web", "a", AlertStatus::Resolved, 0)])
            .is_empty()
    );
}

#[test]
fn an_alert_that_outlives_the_resolution_of_its_incident_is_a_new_one_after_the_grace() {
    let mut stream = Stream::new();
    let incident = opened(&stream.notify("g", true, 10, &[firing("web", "a", 0)])).remove(0);
    let stage = Stage::Resolved;
    let position = Position { sequence: 9, index: 1 };
    stream.tell(100, Notice::Reached { incident, stage, position });
    assert!(
        opened(&stream.notify("g", true, 200, &[firing("web", "a", 0)])).is_empty(),
        "in the grace time"
    );
    assert_eq!(opened(&stream.notify("g", true, 1_100, &[firing("web", "a", 0)])).len(), 1);
    assert!(
        opened(&stream.notify("g", true, 1_200, &[firing("web", "a", 0)])).is_empty(),
        "once"
    );
    let effects = stream.notify("g", true, 1_300, &[alert("web", "a", AlertStatus::Resolved, 0)]);
    assert_eq!(effects.len(), 1, "its end is the end of the new one: {effects:?}");
}

#[test]
fn what_joined_an_incident_after_its_end_comes_again() {
    let mut stream = Stream::new();
    let effects = stream.notify("g", true, 10, &[firing("web", "a", 0)]);
    let incident = opened(&effects).remove(0);
    let position = effects.last().unwrap().position;
    let late = stream.notify("h", true, 12, &[firing("web", "b", 2)]);
    assert!(matches!(&late[0].change, Change::Join { .. }), "{late:?}");
    let stage = Stage::Resolved;
    let effects = stream.tell(15, Notice::Reached { incident, stage, position });
    let again: Vec<_> = effects
        .iter()
        .filter_map(|effect| match &effect.change {
            Change::Again(source) => Some((source.fingerprint.as_str(), source.sequence)),
            _ => None,
        })
        .collect();
    assert_eq!(again, [("b", 2)]);
    // As it is put into the stream again, it is a new matter.
    assert_eq!(opened(&stream.notify("h", false, 16, &[firing("web", "b", 2)])).len(), 1);
}

#[test]
fn people_have_the_last_word() {
    let mut stream = Stream::new();
    let one = opened(&stream.notify("g", true, 10, &[firing("web", "a", 0)])).remove(0);
    let two = opened(&stream.notify("h", true, 11, &[firing("mail", "b", 0)])).remove(0);
    let correction = Correction::Merge {
        from: two.clone(),
        into: one.clone(),
    };
    let effects = stream.tell(
        20,
        Notice::Corrected {
            correction,
            by: "ann".into(),
        },
    );
    let changes: Vec<_> = effects.iter().map(|effect| (&effect.incident, &effect.change)).collect();
    let reason = "ann says so".to_owned();
    let absorb = Change::Absorb {
        from: two.clone(),
        reason: reason.clone(),
    };
    let merge = Change::Merge { into: one.clone(), reason };
    assert_eq!(changes[..2], [(&one, &absorb), (&two, &merge)]);
}

#[test]
fn positions_grow_along_the_stream() {
    let mut stream = Stream::new();
    let mut last = Position::default();
    for n in 0..20 {
        for effect in stream.notify(&format!("g{n}"), true, n, &[firing("web", &format!("f{n}"), 0)]) {
            assert!(effect.position > last);
            last = effect.position;
        }
    }
}

proptest! {
    /// The same messages lead to the same changes, whatever the process: nothing depends on hash seeds or clocks.
    #[test]
    fn a_replay_decides_the_same(messages in proptest::collection::vec((0..6_u8, 0..3_u8, any::<bool>(), 0..120_i64), 1..60)) {
        let read = || {
            let mut stream = Stream::new();
            let mut effects = Vec::new();
            for (second, (fingerprint, workload, ends, start)) in (0..).zip(&messages) {
                let status = if *ends { AlertStatus::Resolved } else { AlertStatus::Firing };
                let workload = ["web", "mail", "db"][usize::from(*workload)];
                let alert = alert(workload, &format!("f{fingerprint}"), status, *start);
                effects.extend(stream.notify(workload, true, second * 10, &[alert]));
                if second % 7 == 6 {
                    effects.extend(stream.tell(second * 10 + 5, Notice::Tick));
                }
            }
            effects
        };
        prop_assert_eq!(read(), read());
    }
}
