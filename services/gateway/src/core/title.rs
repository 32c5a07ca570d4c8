//! Headlines of incidents.

use paramedic_domain::{alert::Alert, correlation::Ranking, incident::Incident};

/// Longest headline: one line of a phone's notification, twice.
const MAX_CHARS: usize = 160;

/// Labels that name the thing an alert is about, most telling first.
const WORKLOAD_LABELS: [&str; 9] = [
    "deployment",
    "statefulset",
    "daemonset",
    "job_name",
    "horizontalpodautoscaler",
    "persistentvolumeclaim",
    "service",
    "pod",
    "node",
];

/// Alerts from which an incident is named by what they point to, not by the first of them.
const MANY: usize = 3;

/// `shop/redis: RedisDown and others`; `None` while the incident has so few alerts that the first one's headline says more.
#[must_use]
pub fn headline(incident: &Incident, ranking: &Ranking) -> Option<String> {
    let root = ranking.candidates.first().filter(|_| incident.alerts.len() >= MANY)?;
    let first = incident.alerts.values().min_by_key(|alert| (alert.starts_at, &alert.fingerprint))?;
    let place = root.entity.split_once('/').map_or(root.entity.as_str(), |(_, place)| place);
    Some(line(&format!("{place}: {} and others", first.name()), MAX_CHARS)).filter(|title| *title != incident.title)
}

/// `KubePodCrashLooping: shop/web`. Labels are untrusted: control characters become spaces, length is bounded.
#[must_use]
pub fn title(alert: &Alert) -> String {
    let text = match workload(alert) {
        Some(workload) => format!("{}: {workload}", alert.name()),
        None => alert.name().to_owned(),
    };
    line(&text, MAX_CHARS)
}

/// One line of at most `most` characters; control characters become spaces.
pub(super) fn line(text: &str, most: usize) -> String {
    let mut clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most + 1).collect();
    if clean.chars().count() > most {
        clean = clean.chars().take(most - 1).chain(['…']).collect();
    }
    clean
}

fn workload(alert: &Alert) -> Option<String> {
    let (label, name) = WORKLOAD_LABELS
        .into_iter()
        .map(|label| (label, alert.label(label)))
        .find(|(_, name)| !name.is_empty())
        .or_else(|| Some(("instance", alert.label("instance"))).filter(|(_, name)| !name.is_empty()))?;
    let name = if label == "pod" { without_hashes(name) } else { name };
    Some(match alert.label("namespace") {
        "" => name.to_owned(),
        namespace => format!("{namespace}/{name}"),
    })
}

/// `web-7d9f4c5b6-x2x4q` -> `web`: a Deployment's pods end in the ReplicaSet's hash and five characters of their own.
/// Anything else stays, since a wrong guess would name something that does not exist.
fn without_hashes(pod: &str) -> &str {
    let hash = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let mut parts = pod.rsplitn(3, '-');
    let (Some(own), Some(replica_set), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return pod;
    };
    let looks_generated = own.len() == 5
        && hash(own)
        && (4..=10).contains(&replica_set.len())
        && hash(replica_set)
        && replica_set.bytes().any(|b| b.is_ascii_digit());
    if looks_generated && !name.is_empty() { name } else { pod }
}

#[cfg(test)]
mod tests {
    use paramedic_domain::alert::AlertStatus;

    use super::*;

    fn titled(labels: &[(&str, &str)]) -> String {
        title(&Alert {
            fingerprint: "f".into(),
            status: AlertStatus::Firing,
            labels: labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            annotations: [].into(),
            starts_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            ends_at: None,
            generator_url: String::new(),
            group_key: String::new(),
        })
    }

    #[test]
    fn the_workload_is_named_as_well_as_the_labels_allow() {
        for (labels, expected) in [
            (&[("alertname", "Down")][..], "Down"),
            (
                &[("alertname", "A"), ("namespace", "shop"), ("pod", "web-7d9f-abcde")],
                "A: shop/web",
            ),
            (
                &[("alertname", "A"), ("namespace", "shop"), ("pod", "my-old-redis")],
                "A: shop/my-old-redis",
            ),
            (&[("alertname", "A"), ("namespace", "shop"), ("pod", "db-0")], "A: shop/db-0"),
            (
                &[
                    ("alertname", "A"),
                    ("namespace", "shop"),
                    ("pod", "web-7d9f-abcde"),
                    ("deployment", "front"),
                ],
                "A: shop/front",
            ),
            (&[("alertname", "A"), ("node", "n1")], "A: n1"),
            (&[("alertname", "A"), ("instance", "10.0.0.1:9100")], "A: 10.0.0.1:9100"),
        ] {
            assert_eq!(titled(labels), expected);
        }
    }

    #[test]
    fn hostile_labels_stay_one_bounded_line() {
        let text = titled(&[("alertname", "A\n\u{1b}[31mB"), ("node", &"n".repeat(10_000))]);
        assert!(!text.chars().any(char::is_control));
        assert_eq!(text.chars().count(), MAX_CHARS);
    }
}
