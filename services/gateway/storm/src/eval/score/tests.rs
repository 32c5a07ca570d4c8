use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::topology::Topology;
use paramedic_domain::alert::Alert;

use super::*;
use crate::{
    alertmanager::assemble,
    eval::evaluate,
    format::{AlertTruth, Incident, Post, Truth, WebhookAlert},
    group::{Contender, Grouped, Grouper},
};

/// Does as the alerts' labels say: `group` is where it goes, `cause` is what the group then holds for its cause.
#[derive(Default)]
struct Obedient(BTreeMap<String, Grouped>);

const OBEDIENT: Contender = Contender {
    name: "obedient",
    make: |_| Box::new(Obedient::default()),
};

impl Grouper for Obedient {
    fn observe(&mut self, alert: &Alert, _received: Timestamp) {
        let key = (alert.fingerprint.clone(), alert.starts_at);
        let Some(name) = alert.labels.get("group") else { return };
        if self.0.values().any(|group| group.members.contains(&key)) {
            return;
        }
        let group = self.0.entry(name.clone()).or_insert_with(|| Grouped {
            members: Vec::new(),
            roots: Vec::new(),
            confidence: 0.0,
        });
        group.members.push(key);
        group.roots.insert(0, (alert.label("cause").parse().unwrap(), 1.0));
        group.confidence = if group.members.len() >= 2 { 1.0 } else { 0.0 };
    }

    fn groups(&self) -> Vec<Grouped> {
        self.0.values().cloned().collect()
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000).unwrap() + SignedDuration::from_secs(seconds)
}

/// One post per alert: fingerprint, second, the truth (`-` for noise), where it goes (`-` for nowhere), the cause then held.
fn storm(alerts: &[(&str, i64, &str, &str, &str)], roots: &[(&str, &str)]) -> Storm {
    let post = |(fingerprint, second, _, group, cause): &(&str, i64, &str, &str, &str)| {
        let mut labels = BTreeMap::from([
            ("alertname".to_owned(), "Any".to_owned()),
            ("cause".to_owned(), format!("Deployment/{cause}")),
        ]);
        if *group != "-" {
            labels.insert("group".to_owned(), (*group).to_owned());
        }
        let alert = WebhookAlert {
            status: "firing".into(),
            labels,
            annotations: BTreeMap::new(),
            starts_at: at(*second),
            ends_at: "0001-01-01T00:00:00Z".into(),
            generator_url: String::new(),
            fingerprint: (*fingerprint).into(),
        };
        Post {
            at: at(*second),
            webhook: assemble(&BTreeMap::from([("alertname".to_owned(), "Any".to_owned())]), vec![alert]),
        }
    };
    let truth = |(fingerprint, second, incident, ..): &(&str, i64, &str, &str, &str)| AlertTruth {
        fingerprint: (*fingerprint).into(),
        starts_at: at(*second),
        incident: (*incident != "-").then(|| (*incident).to_owned()),
        window: None,
        lost: false,
    };
    let incident = |(id, root): &(&str, &str)| Incident {
        id: (*id).into(),
        fault: "any".into(),
        category: "any".into(),
        root: format!("Deployment/{root}").parse().unwrap(),
        aliases: vec![format!("Deployment/{root}-alias").parse().unwrap()],
        onset: at(0),
        affected: Vec::new(),
    };
    Storm {
        posts: alerts.iter().map(post).collect(),
        topology: Topology::default(),
        windows: Vec::new(),
        truth: Truth {
            set: "test".into(),
            seed: Some(1),
            services: 0,
            incidents: roots.iter().map(incident).collect(),
            alerts: alerts.iter().map(truth).collect(),
        },
    }
}

fn scored(alerts: &[(&str, i64, &str, &str, &str)], roots: &[(&str, &str)]) -> Score {
    evaluate(&storm(alerts, roots), &OBEDIENT).unwrap()
}

fn close(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-9, "{one} is not {other}");
}

#[test]
fn a_storm_taken_apart_rightly_has_full_marks() {
    let score = scored(
        &[
            ("a1", 0, "a", "1", "ra"),
            ("b1", 10, "b", "2", "rb"),
            ("n1", 20, "-", "-", "x"),
            ("a2", 30, "a", "1", "ra-alias"),
            ("b2", 40, "b", "2", "rb"),
        ],
        &[("a", "ra"), ("b", "rb")],
    );
    close(score.pairwise.f1, 1.0);
    close(score.b_cubed.f1, 1.0);
    close(score.nmi, 1.0);
    close(score.strict, 1.0);
    close(score.churn, 0.0);
    assert_eq!((score.noise_merged, score.raised, score.groups), (Some(0.0), 2, 3));
    assert!(score.incidents.iter().all(|found| found.recalled && found.rank == Some(1)));
    assert!(score.invariance.label_order && score.invariance.replay);
    close(score.invariance.shuffled, 1.0);
}

#[test]
fn figures_of_a_mixed_result_are_those_computed_by_hand() {
    // Group 1 holds a1 a2 a3 a4 n1, group 2 holds a5 b1, nobody holds b2; n2 alone.
    let score = scored(
        &[
            ("a1", 0, "a", "1", "x"),
            ("a2", 1, "a", "1", "ra"),
            ("n1", 2, "-", "1", "x"),
            ("a3", 3, "a", "1", "ra"),
            ("a4", 4, "a", "1", "ra"),
            ("a5", 5, "a", "2", "rb"),
            ("b1", 6, "b", "2", "y"),
            ("b2", 7, "b", "-", "y"),
            ("n2", 8, "-", "-", "y"),
        ],
        &[("a", "ra"), ("b", "rb")],
    );
    // Pairs: truth 10 of a, 1 of b; found 10 of group 1, 1 of group 2; both: 6.
    close(score.pairwise.precision, 6.0 / 11.0);
    close(score.pairwise.recall, 6.0 / 11.0);
    assert_eq!(score.noise_merged, Some(0.5));
    let [a, b] = &score.incidents[..] else { panic!("two incidents") };
    assert!(a.recalled, "4 of 5 in the group are a's, and 4 of a's 5 are there");
    assert!(!b.recalled);
    assert_eq!((a.alerts, a.pieces, a.rank), (5, 2, Some(1)));
    // On top from a2 on, gone with n1, back for good with a3: the third alert of a, three seconds after the first.
    assert_eq!(a.settled, Some((3, 3.0)));
    assert_eq!((b.pieces, b.rank, b.settled), (2, Some(2), None), "group 2 names y before rb");
    // Both groups are raised; group 1 names ra, group 2 names y: b's root is missed.
    close(score.strict, 0.0);
    assert_eq!((score.raised, score.groups, score.alerts), (2, 4, 9));
}

#[test]
fn noise_that_fires_again_counts_once_and_incident_alerts_count_each_time() {
    let score = scored(
        &[
            ("n", 0, "-", "-", "x"),
            ("n", 60, "-", "1", "x"),
            ("a", 0, "a", "1", "ra"),
            ("a", 60, "a", "1", "ra"),
        ],
        &[("a", "ra")],
    );
    // The pair of a's, found; n's first time is alone, its second is not looked at.
    close(score.pairwise.f1, 1.0);
    assert_eq!(score.noise_merged, Some(0.5), "but it is in a group with an incident");
}

#[test]
fn without_incidents_a_quiet_result_is_right_and_a_raised_group_is_not() {
    let quiet = scored(&[("n1", 0, "-", "-", "x"), ("n2", 1, "-", "1", "x")], &[]);
    close(quiet.pairwise.f1, 1.0);
    close(quiet.strict, 1.0);
    assert_eq!(quiet.raised, 0);
    let loud = scored(&[("n1", 0, "-", "1", "x"), ("n2", 1, "-", "1", "x")], &[]);
    close(loud.pairwise.f1, 0.0);
    close(loud.strict, 0.0);
    assert_eq!(loud.raised, 1);
}

/// Moves every alert into one group when the third comes.
#[derive(Default)]
struct Fickle(Vec<AlertKey>);

impl Grouper for Fickle {
    fn observe(&mut self, alert: &Alert, _received: Timestamp) {
        self.0.push((alert.fingerprint.clone(), alert.starts_at));
    }

    fn groups(&self) -> Vec<Grouped> {
        let groups = if self.0.len() < 3 { self.0.chunks(1) } else { self.0.chunks(3) };
        let group = |members: &[AlertKey]| Grouped {
            members: members.to_vec(),
            roots: Vec::new(),
            confidence: 0.0,
        };
        groups.map(group).collect()
    }
}

#[test]
fn an_alert_that_changes_its_group_is_churn_and_a_result_that_counts_repeats_is_not_invariant() {
    let fickle = Contender {
        name: "fickle",
        make: |_| Box::new(Fickle::default()),
    };
    let storm = storm(
        &[("a", 0, "a", "1", "r"), ("b", 1, "a", "1", "r"), ("c", 2, "a", "1", "r")],
        &[("a", "r")],
    );
    let score = evaluate(&storm, &fickle).unwrap();
    // b leaves its own group for a's; c begins there.
    close(score.churn, 1.0 / 3.0);
    assert!(!score.invariance.replay);
}
