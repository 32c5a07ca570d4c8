use jiff::Timestamp;
use paramedic_domain::{alert::AlertStatus, digest::Digest, envelope::Recorded, id::IncidentId};
use proptest::prelude::*;

use paramedic_correlation::topology::Entity;

use super::*;
use crate::core::facts::{NamespaceFacts, WorkloadFacts};

pub(super) fn alert(fingerprint: &str, labels: &[(&str, &str)]) -> Alert {
    Alert {
        fingerprint: fingerprint.into(),
        status: AlertStatus::Firing,
        labels: labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        annotations: BTreeMap::new(),
        starts_at: Timestamp::UNIX_EPOCH,
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    }
}

fn triage(rules: &[(&str, Priority)]) -> Triage {
    let functions = Functions::new();
    Triage {
        severity_label: "severity".into(),
        severities: [("page", Severity::Critical), ("info", Severity::Info)]
            .map(|(word, severity)| (word.to_owned(), severity))
            .into(),
        environment_labels: vec!["environment".into(), "env".into()],
        team_labels: vec!["team".into()],
        priorities: [
            (Severity::Critical, Priority::P2),
            (Severity::Warning, Priority::P3),
            (Severity::Info, Priority::P4),
        ]
        .into(),
        rules: rules
            .iter()
            .map(|(when, priority)| Rule {
                name: (*when).to_owned(),
                when: Condition::new(when, &functions).unwrap(),
                priority: *priority,
                severity: None,
                team: None,
            })
            .collect(),
        functions,
    }
}

fn facts() -> Facts {
    let text = |text: &str| Some(text.to_owned());
    Facts {
        namespaces: BTreeMap::from([(
            "shop".to_owned(),
            NamespaceFacts {
                enabled: None,
                environment: text("production"),
                team: text("shop"),
            },
        )]),
        workloads: BTreeMap::from([(
            Entity::in_namespace("Deployment", "shop", "cart"),
            WorkloadFacts {
                environment: None,
                team: text("carts"),
            },
        )]),
    }
}

#[test]
fn words_of_the_label_mean_what_configuration_says() {
    let triage = triage(&[]);
    for (word, severity, priority) in [
        ("page", Severity::Critical, Priority::P2),
        (" PAGE ", Severity::Critical, Priority::P2),
        ("sev-3", Severity::Warning, Priority::P3),
        ("info", Severity::Info, Priority::P4),
        ("", Severity::Info, Priority::P4),
    ] {
        let said = triage.assess(&alert("a", &[("severity", word)]), &Facts::default());
        assert_eq!((said.severity, said.priority), (severity, priority), "{word}");
    }
}

#[test]
fn labels_go_before_the_workload_and_the_workload_before_the_namespace() {
    let triage = triage(&[]);
    let said = |labels: &[(&str, &str)]| {
        let said = triage.assess(&alert("a", labels), &facts());
        (said.environment, said.team)
    };
    let pair = |environment: &str, team: &str| (environment.to_owned(), team.to_owned());
    assert_eq!(said(&[("namespace", "shop")]), pair("production", "shop"));
    assert_eq!(said(&[("namespace", "shop"), ("deployment", "cart")]), pair("production", "carts"));
    assert_eq!(
        said(&[("namespace", "shop"), ("pod", "cart-7d9f8c6b5d-x2x4z")]),
        pair("production", "carts")
    );
    assert_eq!(
        said(&[("namespace", "shop"), ("env", "staging"), ("team", "pay"), ("app", "cart")]),
        pair("staging", "pay")
    );
    assert_eq!(said(&[("namespace", "else"), ("deployment", "cart")]), pair("", ""));
}

#[test]
fn the_first_rule_that_holds_counts_and_one_that_fails_is_passed_over() {
    let triage = triage(&[
        ("alert.labels.size < 3", Priority::P5),
        ("team == 'carts' && environment == 'production'", Priority::P1),
        ("true", Priority::P5),
    ]);
    let said = triage.assess(&alert("a", &[("namespace", "shop"), ("size", "2"), ("workload", "cart")]), &facts());
    assert_eq!(said.priority, Priority::P1);
    assert_eq!(said.rule, "team == 'carts' && environment == 'production'");
    assert_eq!(said.failed.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_rule_may_say_severity_and_team_too() {
    let mut triage = triage(&[("alert.namespace == 'shop'", Priority::P1)]);
    triage.rules[0].severity = Some(Severity::Critical);
    triage.rules[0].team = Some("duty".into());
    let said = triage.assess(&alert("a", &[("namespace", "shop"), ("severity", "info")]), &facts());
    assert_eq!(
        (said.severity, said.priority, &*said.team),
        (Severity::Critical, Priority::P1, "duty")
    );
}

#[test]
fn hostile_words_are_cut_and_cleaned() {
    let long = format!("a\u{7}b\n{}", "x".repeat(10_000));
    let said = triage(&[]).assess(&alert("a", &[("team", &long)]), &Facts::default());
    assert!(said.team.len() <= 60 && said.team.starts_with("abx"), "{}", said.team);
}

fn assessment() -> impl Strategy<Value = Assessment> {
    let severity = prop::sample::select(vec![Severity::Info, Severity::Warning, Severity::Critical]);
    let priority = prop::sample::select(vec![Priority::P1, Priority::P2, Priority::P3, Priority::P4, Priority::P5]);
    (severity, priority, "[pq]?", "[ab]?").prop_map(|(severity, priority, environment, team)| Assessment {
        severity,
        priority,
        environment,
        team,
        rule: String::new(),
        failed: Vec::new(),
    })
}

/// An open incident after these alerts came, some at a time.
fn fold(batches: &[Vec<Assessment>]) -> Incident {
    let mut incident = Incident::new("eu".parse().unwrap(), IncidentId::derive(&["triage"]));
    let opened = Event::IncidentOpened {
        title: "slow".into(),
        severity: Severity::Info,
        alerts: Vec::new(),
        traceparent: None,
        request: None,
    };
    let decisions = batches.iter().map(Some);
    for batch in std::iter::once(None).chain(decisions) {
        let event = match batch {
            None => Some(opened.clone()),
            Some(batch) => decide(&incident, batch),
        };
        let Some(event) = event else { continue };
        let envelope = incident.next_envelope(event, Timestamp::UNIX_EPOCH, None);
        let digest = Digest::of_json(&envelope);
        incident.apply(&Recorded { envelope, digest }).unwrap();
    }
    incident
}

proptest! {
    #[test]
    fn urgency_never_falls_and_does_not_depend_on_the_order(alerts in prop::collection::vec(assessment(), 1..12), split in 0usize..12) {
        let reversed: Vec<Assessment> = alerts.iter().rev().cloned().collect();
        let (one, two) = alerts.split_at(split.min(alerts.len()));
        let at_once = fold(std::slice::from_ref(&alerts));
        let in_parts = fold(&[one.to_vec(), two.to_vec()]);
        let backwards = fold(&[reversed]);
        for incident in [&at_once, &in_parts, &backwards] {
            prop_assert_eq!(incident.misfits, 0);
            prop_assert_eq!(incident.priority, alerts.iter().map(|alert| alert.priority).min());
            prop_assert_eq!(Some(incident.severity), alerts.iter().map(|alert| alert.severity).max());
        }
        prop_assert_eq!(&at_once.team, &backwards.team);
        prop_assert_eq!(&at_once.environment, &backwards.environment);
    }

    #[test]
    fn what_was_decided_is_not_decided_again(alerts in prop::collection::vec(assessment(), 1..12)) {
        prop_assert_eq!(decide(&fold(std::slice::from_ref(&alerts)), &alerts), None);
    }
}
