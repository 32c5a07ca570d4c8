//! What triage and silences do to an incident.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::{
    alert::{Alert, AlertStatus, Priority, Severity},
    digest::Digest,
    envelope::Recorded,
    event::Event,
    id::IncidentId,
    incident::Incident,
};

fn alert(fingerprint: &str, severity: &str) -> Alert {
    Alert {
        fingerprint: fingerprint.into(),
        status: AlertStatus::Firing,
        labels: BTreeMap::from([("severity".to_owned(), severity.to_owned())]),
        annotations: BTreeMap::new(),
        starts_at: Timestamp::UNIX_EPOCH,
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    }
}

fn opened(severity: Severity) -> Event {
    Event::IncidentOpened {
        title: "slow".into(),
        severity,
        alerts: vec![alert("a", "warning")],
        traceparent: None,
        request: None,
    }
}

fn triaged(severity: Severity, priority: Priority, team: &str) -> Event {
    Event::IncidentTriaged {
        severity,
        priority,
        environment: "production".into(),
        team: team.into(),
        rule: String::new(),
    }
}

fn joined(alert: Alert) -> Event {
    Event::AlertsCorrelated {
        reasons: Vec::new(),
        position: None,
        alerts: vec![alert],
        reason: "the same group".into(),
    }
}

fn suppressed(fingerprint: &str) -> Event {
    Event::AlertsSuppressed {
        fingerprints: vec![fingerprint.into()],
        by: "silence s of ann".into(),
        until: None,
        position: None,
    }
}

fn fold(events: impl IntoIterator<Item = Event>) -> Incident {
    let mut incident = Incident::new("eu".parse().unwrap(), IncidentId::derive(&["triage"]));
    for event in events {
        let envelope = incident.next_envelope(event, Timestamp::UNIX_EPOCH, None);
        let digest = Digest::of_json(&envelope);
        incident.apply(&Recorded { envelope, digest }).unwrap();
    }
    incident
}

#[test]
fn triage_says_how_urgent_it_is_and_whose() {
    let incident = fold([opened(Severity::Warning), triaged(Severity::Critical, Priority::P1, "pay")]);
    assert_eq!(
        (incident.severity, incident.priority, &*incident.environment, &*incident.team),
        (Severity::Critical, Some(Priority::P1), "production", "pay")
    );
    assert_eq!(incident.misfits, 0);
}

#[test]
fn priority_and_team_may_change_but_severity_never_falls() {
    let incident = fold([
        opened(Severity::Critical),
        triaged(Severity::Critical, Priority::P1, "pay"),
        triaged(Severity::Critical, Priority::P2, "shop"),
        triaged(Severity::Warning, Priority::P3, "disk"),
    ]);
    assert_eq!(
        (incident.severity, incident.priority, &*incident.team),
        (Severity::Critical, Some(Priority::P2), "shop")
    );
    assert_eq!(incident.misfits, 1);
}

#[test]
fn an_incident_opens_as_severe_as_it_is_said_to_be() {
    let incident = fold([Event::IncidentOpened {
        title: "slow".into(),
        severity: Severity::Info,
        alerts: vec![alert("a", "page")],
        traceparent: None,
        request: None,
    }]);
    assert_eq!(incident.severity, Severity::Info);
}

#[test]
fn once_triaged_only_triage_raises_the_severity() {
    let before = fold([opened(Severity::Warning), joined(alert("b", "page"))]);
    assert_eq!(before.severity, Severity::Critical);
    let after = fold([
        opened(Severity::Warning),
        triaged(Severity::Warning, Priority::P3, ""),
        joined(alert("b", "page")),
    ]);
    assert_eq!(after.severity, Severity::Warning);
}

#[test]
fn what_is_not_open_cannot_be_triaged() {
    assert_eq!(fold([triaged(Severity::Info, Priority::P5, "")]).misfits, 1);
    let ended = fold([
        opened(Severity::Info),
        Event::IncidentResolved { reason: "gone".into() },
        triaged(Severity::Info, Priority::P5, ""),
    ]);
    assert_eq!((ended.misfits, ended.priority), (1, None));
}

#[test]
fn an_alert_is_quiet_until_it_is_reported_again_or_ends() {
    let quiet = [opened(Severity::Warning), suppressed("a")];
    let incident = fold(quiet.clone());
    assert_eq!(incident.suppressed["a"].by, "silence s of ann");
    assert_eq!(incident.alerts["a"].status, AlertStatus::Firing);
    let again = fold(quiet.clone().into_iter().chain([joined(alert("a", "warning"))]));
    assert!(again.suppressed.is_empty());
    let ended = Event::AlertsResolved {
        fingerprints: vec!["a".into()],
        at: Timestamp::UNIX_EPOCH,
    };
    assert!(fold(quiet.into_iter().chain([ended])).suppressed.is_empty());
}

#[test]
fn only_alerts_of_the_incident_can_be_kept_quiet_in_it() {
    let incident = fold([opened(Severity::Warning), suppressed("stranger")]);
    assert_eq!((incident.misfits, incident.suppressed.len()), (1, 0));
}
