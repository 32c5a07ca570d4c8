//! Fifty alerts in two minutes have one cause: people hear of one thing, and of what it is.

use std::collections::BTreeSet;

use paramedic_domain::incident::Incident;
use paramedic_testkit::Backoff;
use paramedic_tests::{PATIENCE, Product, ProductOptions, Range, Story, TOKEN};

/// As fast as in life: settling, reviewing and investigating take their usual share of the storm.
const SPEED: f64 = 1.0;
/// Alerts of the shared cause that an incident has to have.
const MOST: usize = 47;
/// What fires anyway, in every cluster.
const UNRELATED: [&str; 5] = [
    "Watchdog",
    "InfoInhibitor",
    "CPUThrottlingHigh",
    "KubeJobFailed",
    "CertificateExpiresSoon",
];

#[tokio::test(flavor = "multi_thread")]
async fn fifty_alerts_of_a_broken_redis_cluster_are_one_incident_and_six_others_are_not_in_it() {
    let range = Range::start("redis-storm", SPEED).await.unwrap();
    let bus = format!("embedded:{}", range.folder().join("bus").display());
    let product = Product::start("up", &range, &bus, &ProductOptions::default()).await.unwrap();
    range.alert(&product.webhook(), TOKEN);

    let mut story = Story::of(&product.grpc()).unwrap();
    let mut backoff = Backoff::new(PATIENCE);
    loop {
        let incidents = story.folded().await.unwrap();
        let missing = missing(&incidents);
        if missing.is_empty() {
            break;
        }
        assert!(backoff.pause().await, "{missing}\n{}", told(&incidents));
    }
}

/// What is not yet as it should be; empty: it is.
fn missing(incidents: &[Incident]) -> String {
    let open = || incidents.iter().filter(|incident| incident.end.is_none());
    let Some(storm) = open().max_by_key(|incident| incident.alerts.len()) else {
        return "there is no incident".into();
    };
    let (of_redis, others): (Vec<_>, Vec<_>) = storm.alerts.values().partition(|alert| !UNRELATED.contains(&alert.name()));
    if of_redis.len() < MOST {
        return format!("it has {} alerts", of_redis.len());
    }
    if !others.is_empty() {
        return format!("{} alerts of the background are in it", others.len());
    }
    let elsewhere: BTreeSet<&str> = open()
        .filter(|incident| incident.id != storm.id)
        .flat_map(|incident| incident.alerts.values().map(|alert| alert.name()))
        .filter(|name| !UNRELATED.contains(name))
        .collect();
    if !elsewhere.is_empty() {
        return format!("{elsewhere:?} are incidents of their own");
    }
    let top = storm.ranking.as_ref().and_then(|ranking| ranking.candidates.first());
    match top {
        Some(top) if top.entity.ends_with("/infrastructure/redis-cluster") => String::new(),
        Some(top) => format!("{} is on top", top.entity),
        None => "nothing is on top".into(),
    }
}

/// The incidents, for whoever has to find out.
fn told(incidents: &[Incident]) -> String {
    let line = |incident: &Incident| {
        let alerts: Vec<String> = incident
            .alerts
            .values()
            .map(|alert| {
                let label = |name: &str| alert.labels.get(name).cloned().unwrap_or_default();
                let why = incident.members.get(&alert.fingerprint).map_or("", |member| member.reason.as_str());
                format!(
                    "    {} {}/{}{}: {why}",
                    alert.name(),
                    label("namespace"),
                    label("service"),
                    label("pod")
                )
            })
            .collect();
        let ranking = incident.ranking.iter().flat_map(|ranking| &ranking.candidates);
        let ranking: Vec<String> = ranking
            .map(|candidate| format!("{} {:.2}", candidate.entity, candidate.belief))
            .collect();
        format!(
            "{} {:?}, {} alerts, {}\n{}",
            incident.title,
            incident.status(),
            incident.alerts.len(),
            ranking.join(", "),
            alerts.join("\n")
        )
    };
    incidents.iter().map(line).collect::<Vec<_>>().join("\n")
}
