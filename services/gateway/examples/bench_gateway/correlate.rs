//! Alerts through the whole partition on one core: what happened to the groups, the correlator, and what follows for incidents.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::{Correlator, Settings, topology::Topology};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Notification},
    correlation::{Notice, Told},
    id::ClusterId,
};
use paramedic_gateway::core::{body::Chunks, partition::Partition, scope::Scope, topology::Snapshot, webhook};
use paramedic_storm::{
    Spec, Storm, Variant,
    format::{Post, Webhook},
    generate,
};
use serde::Serialize;

use crate::figures::{resident, thread_time};

/// Storms that nobody tunes on or checks with.
const FIRST_SEED: u64 = 10_000;
/// Size of the estates, and incidents that overlap in each storm.
const SERVICES: usize = 40;
const INCIDENTS: usize = 3;
/// From the end of a storm to the beginning of the next.
const BETWEEN: SignedDuration = SignedDuration::from_mins(120);
/// Estate of the full window.
const LARGE: usize = 1_000;
/// Alerts of a webhook of the full window.
const GROUP: usize = 100;
/// One in so many alerts of the full window began within the last hour, the others fire since days.
const FRESH: u64 = 50;
/// When the stream begins.
const BEGIN: &str = "2026-03-02T10:00:00Z";
/// As in the defaults.
const REFIRE_AFTER: Duration = Duration::from_secs(900);

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    mix: Mix,
    /// All within fifty minutes.
    window: Window,
    /// As fast as one core takes them, so that the stream lasts as long as the work.
    saturated: Window,
}

/// Storms one after the other.
#[derive(Debug, Serialize)]
struct Mix {
    storms: u64,
    webhooks: u64,
    alerts: u64,
    distinct: usize,
    /// Share of the alerts by what they were.
    words: BTreeMap<&'static str, f64>,
    partition_alerts_per_second: f64,
    /// Without the partition around it, on the same alerts.
    correlator_alerts_per_second: f64,
    resident_mib: f64,
}

/// A window full of different alerts.
#[derive(Debug, Serialize)]
struct Window {
    alerts: u64,
    pods: usize,
    alerts_per_second: f64,
    resident_before_mib: f64,
    resident_mib: f64,
    bytes_per_alert: f64,
    /// The same alerts again, as repeats of their groups.
    repeats_per_second: f64,
}

/// When alerts come.
#[derive(Clone, Copy)]
enum Pace {
    /// All within fifty minutes, and again in the next fifty.
    Spread,
    /// Each group when the one before it was taken.
    Saturated,
}

pub(crate) fn run(alerts: u64, distinct: u64) -> Figures {
    let [window, saturated] = [Pace::Spread, Pace::Saturated].map(|pace| window(distinct, pace));
    println!(
        "\n{} different alerts about {} pods, {:.0} % of them of the last hour: {:.0} MiB ({:.0} before, {:.0} bytes each), {:.0} alerts/s within fifty minutes, {:.0}/s as fast as they are taken; as repeats {:.0}/s",
        window.alerts,
        window.pods,
        100.0 / FRESH as f64,
        window.resident_mib,
        window.resident_before_mib,
        window.bytes_per_alert,
        window.alerts_per_second,
        saturated.alerts_per_second,
        window.repeats_per_second
    );
    let mix = mix(alerts);
    println!(
        "\n{} storms ({SERVICES} services, {INCIDENTS} incidents each, background): {} webhooks, {} alerts, {} different firings",
        mix.storms, mix.webhooks, mix.alerts, mix.distinct
    );
    for (word, share) in &mix.words {
        println!("  {word}: {:.1} % of the alerts", share * 100.0);
    }
    println!(
        "whole partition {:.0} alerts/s of processor time, the correlator alone {:.0}; {:.0} MiB",
        mix.partition_alerts_per_second, mix.correlator_alerts_per_second, mix.resident_mib
    );
    Figures { mix, window, saturated }
}

fn cluster() -> ClusterId {
    "bench".parse().unwrap()
}

/// As in the defaults: everything.
fn scope() -> Scope {
    let all = ["*".to_owned()];
    Scope::new("cluster", &all, &all, &[]).unwrap()
}

fn snapshot(topology: &Topology) -> Snapshot {
    Snapshot {
        topology: topology.clone(),
        ..Snapshot::default()
    }
}

fn mix(wanted: u64) -> Mix {
    let mut partition = Partition::new(cluster(), REFIRE_AFTER, scope());
    let mut alone = Correlator::new(cluster(), Settings::default());
    let (mut storms, mut webhooks, mut alerts, mut sequence) = (0, 0, 0, 0);
    let (mut whole, mut inner) = (Duration::ZERO, Duration::ZERO);
    let mut firings: HashSet<(String, Timestamp)> = HashSet::new();
    let mut words: BTreeMap<&'static str, u64> = BTreeMap::new();
    while alerts < wanted {
        let spec = Spec {
            seed: FIRST_SEED + storms,
            services: SERVICES,
            incidents: INCIDENTS,
            variant: Variant::Plain,
        };
        let storm = generate(spec);
        let notifications = notifications(&storm, BETWEEN * i32::try_from(storms).unwrap());
        for notification in &notifications {
            let fires = notification.alerts.iter().filter(|alert| alert.status == AlertStatus::Firing);
            firings.extend(fires.map(|alert| (alert.fingerprint.clone(), alert.starts_at)));
            alerts += notification.alerts.len() as u64;
        }
        webhooks += notifications.len() as u64;
        storms += 1;
        let snapshot = snapshot(&storm.topology);

        let begun = thread_time();
        partition.surveyed(&snapshot);
        for notification in &notifications {
            for outcome in turn(&mut partition, notification, &mut sequence) {
                for word in outcome.words {
                    *words.entry(word).or_default() += 1;
                }
            }
        }
        whole += thread_time() - begun;

        let begun = thread_time();
        alone.set_topology(&snapshot.topology);
        for notification in &notifications {
            if let Some(due) = alone.settle_due().filter(|due| *due <= notification.received_at) {
                alone.settle(due);
            }
            for alert in &notification.alerts {
                alone.observe(alert, notification.received_at);
            }
        }
        inner += thread_time() - begun;
    }
    Mix {
        storms,
        webhooks,
        alerts,
        distinct: firings.len(),
        words: words
            .into_iter()
            .map(|(word, count)| (word, count as f64 / alerts as f64))
            .collect(),
        partition_alerts_per_second: alerts as f64 / whole.as_secs_f64(),
        correlator_alerts_per_second: alerts as f64 / inner.as_secs_f64(),
        resident_mib: resident(),
    }
}

/// One message as the shell takes it: the tick before it, if one was due.
fn turn(partition: &mut Partition, notification: &Notification, sequence: &mut u64) -> Vec<paramedic_gateway::core::partition::Outcome> {
    let mut outcomes = Vec::new();
    if let Some(due) = partition.tick_due().filter(|due| *due <= notification.received_at) {
        *sequence += 1;
        let told = Told {
            cluster: cluster(),
            at: due,
            notice: Notice::Tick,
        };
        outcomes.push(partition.told(&told, *sequence));
    }
    *sequence += 1;
    outcomes.push(partition.notified(notification, *sequence));
    outcomes
}

/// A storm's webhooks as messages, so much later.
fn notifications(storm: &Storm, later: SignedDuration) -> Vec<Notification> {
    storm.posts.iter().map(|post| notification(post, later)).collect()
}

fn notification(post: &Post, later: SignedDuration) -> Notification {
    let mut moved = post.webhook.clone();
    for alert in &mut moved.alerts {
        alert.starts_at += later;
        if let Ok(ends_at) = alert.ends_at.parse::<Timestamp>()
            && ends_at > Timestamp::UNIX_EPOCH
        {
            alert.ends_at = (ends_at + later).to_string();
        }
    }
    let group = read(&moved);
    Notification {
        source: "alertmanager".into(),
        group_key: group.key,
        received_at: post.at + later,
        whole_group: group.whole,
        from: String::new(),
        until: String::new(),
        alerts: group.alerts,
    }
}

fn read(body: &Webhook) -> paramedic_gateway::core::reading::Group {
    let mut chunks = Chunks::default();
    chunks.push(serde_json::to_vec(body).unwrap().into());
    let mut reading = webhook::parse(chunks).unwrap_or_else(|_| panic!("the gateway refuses a storm's webhook"));
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    reading.groups.remove(0)
}

fn window(distinct: u64, pace: Pace) -> Window {
    let estate = generate(Spec {
        seed: FIRST_SEED,
        services: LARGE,
        incidents: 0,
        variant: Variant::Plain,
    })
    .topology;
    let pods: Vec<(String, String)> = estate
        .entities
        .iter()
        .filter(|entity| entity.kind == "Pod")
        .map(|entity| (entity.namespace.clone().unwrap_or_default(), entity.name.clone()))
        .collect();
    let mut partition = Partition::new(cluster(), REFIRE_AFTER, scope());
    partition.surveyed(&snapshot(&estate));
    drop(estate);
    let before = resident();
    let begin: Timestamp = BEGIN.parse().unwrap();
    let groups = distinct.div_ceil(GROUP as u64);
    let mut sequence = 0;
    let mut took = [Duration::ZERO; 2];
    let mut resident_mib = before;
    for round in 0..2 {
        for group in 0..groups {
            let spread = |round| SignedDuration::from_millis(i64::try_from((round * groups + group) * 3_000_000 / groups).unwrap());
            let (at, first) = match pace {
                Pace::Spread => (begin + spread(round), begin + spread(0)),
                Pace::Saturated => (begin + SignedDuration::try_from(took[0] + took[1]).unwrap(), begin),
            };
            let notification = full(&pods, group, at, first);
            let begun = thread_time();
            turn(&mut partition, &notification, &mut sequence);
            took[usize::try_from(round).unwrap()] += thread_time() - begun;
        }
        if round == 0 {
            resident_mib = resident();
        }
    }
    let alerts = groups * GROUP as u64;
    Window {
        alerts,
        pods: pods.len(),
        alerts_per_second: alerts as f64 / took[0].as_secs_f64(),
        resident_before_mib: before,
        resident_mib,
        bytes_per_alert: (resident_mib - before) * 1024.0 * 1024.0 / alerts as f64,
        repeats_per_second: alerts as f64 / took[1].as_secs_f64(),
    }
}

/// One rule's alerts about a hundred pods, at `at`; they first came at `first`.
fn full(pods: &[(String, String)], group: u64, at: Timestamp, first: Timestamp) -> Notification {
    let fresh = group.is_multiple_of(FRESH);
    let starts_at = match fresh {
        true => first - SignedDuration::from_secs(30),
        false => BEGIN.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(24 + i64::try_from(group % 240).unwrap()),
    };
    let slots = (pods.len() / GROUP).max(1) as u64;
    let (rule, slot) = (group / slots, usize::try_from(group % slots).unwrap());
    let alerts = (0..GROUP).map(|member| {
        let (namespace, pod) = &pods[(slot * GROUP + member) % pods.len()];
        let labels = [
            ("alertname", format!("Rule{rule}NotReady")),
            ("namespace", namespace.clone()),
            ("pod", pod.clone()),
            ("severity", "warning".to_owned()),
        ];
        Alert {
            fingerprint: format!("{:016x}", group * GROUP as u64 + member as u64),
            status: AlertStatus::Firing,
            labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
            annotations: BTreeMap::new(),
            starts_at,
            ends_at: None,
            generator_url: String::new(),
            group_key: format!("rule{rule}/{slot}"),
        }
    });
    Notification {
        source: "alertmanager".into(),
        group_key: format!("rule{rule}/{slot}"),
        received_at: at,
        whole_group: true,
        from: String::new(),
        until: String::new(),
        alerts: alerts.collect(),
    }
}
