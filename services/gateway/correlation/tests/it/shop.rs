//! Alerts of a small shop: `web` calls `cart`, `cart` calls `db`; `mail` has to do with none of them.

use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::{
    Correlator, Settings,
    decision::Decision,
    topology::{Edge, Entity, Relation, Rule, Topology},
};
use paramedic_domain::alert::{Alert, AlertStatus};

pub(crate) fn shop() -> Topology {
    let entity = |text: &str| text.parse::<Entity>().unwrap();
    let edge = |from: &str, to: &str, relation| Edge {
        from: entity(from),
        to: entity(to),
        relation,
    };
    Topology {
        entities: vec![entity("Deployment/shop/mail")],
        edges: vec![
            edge("Deployment/shop/web", "Service/shop/cart", Relation::Calls),
            edge("Service/shop/cart", "Deployment/shop/cart", Relation::Selects),
            edge("Deployment/shop/cart", "Service/shop/db", Relation::Calls),
            edge("Service/shop/db", "StatefulSet/shop/db", Relation::Selects),
        ],
        rules: [
            ("DbDown", 60),
            ("HighErrorRate", 120),
            ("KubePodNotReady", 900),
            ("MailQueueFull", 60),
        ]
        .map(|(alert, for_seconds)| Rule {
            alert: alert.into(),
            for_seconds,
        })
        .into(),
    }
}

pub(crate) fn second(second: i64) -> Timestamp {
    "2026-01-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}

pub(crate) fn alert(name: &str, severity: &str, label: &str, about: &str, start: i64) -> Alert {
    Alert {
        fingerprint: format!("{name}-{about}"),
        status: AlertStatus::Firing,
        labels: [("alertname", name), ("namespace", "shop"), ("severity", severity), (label, about)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        annotations: [].into(),
        starts_at: second(start),
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    }
}

pub(crate) fn correlator() -> Correlator {
    let mut correlator = Correlator::new("test".parse().unwrap(), Settings::default());
    correlator.set_topology(&shop());
    correlator
}

/// The database goes down at second 0; its pods' alert comes last, a quarter of an hour later.
pub(crate) fn cascade() -> Vec<Alert> {
    vec![
        alert("DbDown", "critical", "statefulset", "db", 75),
        alert("HighErrorRate", "critical", "service", "cart", 160),
        alert("HighErrorRate", "critical", "deployment", "web", 185),
        alert("KubePodNotReady", "warning", "pod", "db-0", 930),
    ]
}

pub(crate) fn feed(correlator: &mut Correlator, alerts: &[Alert]) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for alert in alerts {
        decisions.extend(correlator.observe(alert, alert.starts_at + SignedDuration::from_secs(10)));
    }
    decisions.extend(correlator.settle(second(2_000)));
    decisions
}
