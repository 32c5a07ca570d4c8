//! What Alertmanager makes of alerts: groups, waiting, repeating; and how its posts arrive.
//!
//! The rules are those of its dispatcher and its deduplication: the first notification of a group waits for `group_wait`, the next ones
//! come every `group_interval` when something began to fire or was resolved, and always with the whole group.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    chance::Chance,
    damage::Told,
    format::{Post, Webhook, WebhookAlert},
    labels::words,
    plot::{MINUTE, Millis, SECOND},
};

/// When the storm's time begins; any instant would do.
const BEGINNING: i64 = 1_772_438_400;
/// Route: what is grouped, and the times of Alertmanager's defaults.
const GROUP_BY: [&str; 2] = ["alertname", "namespace"];
const GROUP_WAIT: Millis = 30 * SECOND;
const GROUP_INTERVAL: Millis = 5 * MINUTE;
const REPEAT_INTERVAL: Millis = 240 * MINUTE;
/// Posts that both Alertmanagers of a pair send.
const TWICE: f64 = 0.10;
/// Posts that are overtaken by later ones, and by how many seconds they are late.
const LATE: f64 = 0.08;
const LATE_SECONDS: (f64, f64) = (5.0, 30.0);

/// A moment of the storm as a time.
pub(crate) fn time(at: Millis) -> Timestamp {
    Timestamp::from_second(BEGINNING).unwrap_or_default() + SignedDuration::from_millis(at)
}

/// Everything that is posted from 0 to `horizon`, in the order of arrival.
pub(crate) fn posts(alerts: &[Told], horizon: Millis, chance: &mut Chance) -> Vec<Post> {
    let mut groups: BTreeMap<BTreeMap<String, String>, Vec<&Told>> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| !alert.lost) {
        let labels = GROUP_BY
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), alert.firing.labels.get(*name)?.clone())));
        groups.entry(labels.collect()).or_default().push(alert);
    }
    let mut posts: Vec<(Millis, Webhook)> = Vec::new();
    for (labels, alerts) in &groups {
        for (at, webhook) in notify(labels, alerts, horizon, chance) {
            let sent = at + chance.millis(0.05, 0.8);
            let late = if chance.hit(LATE) {
                chance.millis(LATE_SECONDS.0, LATE_SECONDS.1)
            } else {
                0
            };
            if chance.hit(TWICE) {
                posts.push((sent + chance.millis(1.0, 15.0), webhook.clone()));
            }
            posts.push((sent + late, webhook));
        }
    }
    posts.sort_by(|one, other| (one.0, &one.1.group_key).cmp(&(other.0, &other.1.group_key)));
    posts.into_iter().map(|(at, webhook)| Post { at: time(at), webhook }).collect()
}

/// The notifications of one group.
fn notify(labels: &BTreeMap<String, String>, alerts: &[&Told], horizon: Millis, chance: &mut Chance) -> Vec<(Millis, Webhook)> {
    // Prometheus needs a moment to say so. What fired long ago was told long ago, and is repeated some time.
    let received: Vec<Millis> = alerts
        .iter()
        .map(|alert| alert.firing.starts_at + chance.millis(0.0, 1.0))
        .collect();
    let mut notifications = Vec::new();
    let mut next = 0;
    while let Some(first) = received.get(next).copied() {
        let old = first + GROUP_WAIT < 0;
        let mut at = if old { chance.millis(0.0, 300.0) } else { first + GROUP_WAIT };
        let mut told: (BTreeSet<&str>, BTreeSet<&str>) = (BTreeSet::new(), BTreeSet::new());
        let mut last = Millis::MIN / 2;
        if old {
            let before = alerts
                .iter()
                .zip(&received)
                .filter(|(alert, received)| **received < 0 && alert.firing.ends_at > 0);
            told.0 = before.map(|(alert, _)| alert.fingerprint.as_str()).collect();
            last = at - REPEAT_INTERVAL + chance.millis(0.0, 14_400.0);
        }
        // A group lives until everything in it is resolved and told.
        let begin = next;
        loop {
            let seen = begin + received[begin..].iter().take_while(|received| **received <= at).count();
            next = next.max(seen);
            let current = latest(&alerts[begin..seen], last);
            let (firing, resolved): (Vec<&Told>, Vec<&Told>) = current.iter().partition(|alert| alert.firing.ends_at > at);
            let names = |alerts: &[&'_ Told]| alerts.iter().map(|alert| alert.fingerprint.clone()).collect::<BTreeSet<_>>();
            let (firing_names, resolved_names) = (names(&firing), names(&resolved));
            let news = !firing_names.iter().all(|name| told.0.contains(name.as_str()))
                || (firing_names.is_empty() && !told.0.is_empty())
                || (!firing_names.is_empty() && !resolved_names.iter().all(|name| told.1.contains(name.as_str())));
            let repeat = !firing_names.is_empty() && at - last >= REPEAT_INTERVAL;
            if (news || repeat) && at < horizon && !current.is_empty() {
                notifications.push((at, webhook(labels, &current, at)));
                told = (
                    firing.iter().map(|alert| alert.fingerprint.as_str()).collect(),
                    resolved.iter().map(|alert| alert.fingerprint.as_str()).collect(),
                );
                last = at;
            }
            if at >= horizon {
                return notifications;
            }
            if firing_names.is_empty() {
                break;
            }
            at += GROUP_INTERVAL;
        }
    }
    notifications
}

/// What is in the group: the newest alert of each label set, if it fires or its end has not been told.
fn latest<'a>(alerts: &[&'a Told], last: Millis) -> Vec<&'a Told> {
    let mut newest: BTreeMap<&str, &'a Told> = BTreeMap::new();
    for alert in alerts {
        newest.insert(&alert.fingerprint, alert);
    }
    let mut current: Vec<&Told> = newest.into_values().filter(|alert| alert.firing.ends_at > last).collect();
    current.sort_by_key(|alert| (alert.firing.starts_at, alert.fingerprint.as_str()));
    current
}

fn webhook(labels: &BTreeMap<String, String>, alerts: &[&Told], at: Millis) -> Webhook {
    let alerts: Vec<WebhookAlert> = alerts
        .iter()
        .map(|alert| {
            let ended = alert.firing.ends_at <= at;
            let summary = alert.firing.rule.summary.replace("{}", &words(&alert.firing.labels));
            WebhookAlert {
                status: status(!ended),
                labels: alert.firing.labels.clone(),
                annotations: BTreeMap::from([("summary".to_owned(), summary)]),
                starts_at: time(alert.firing.starts_at),
                ends_at: if ended {
                    time(alert.firing.ends_at).to_string()
                } else {
                    "0001-01-01T00:00:00Z".into()
                },
                generator_url: "http://prometheus-k8s-0:9090/graph".into(),
                fingerprint: alert.fingerprint.clone(),
            }
        })
        .collect();
    assemble(labels, alerts)
}

/// A post's body around its alerts, which are at least one.
pub(crate) fn assemble(labels: &BTreeMap<String, String>, alerts: Vec<WebhookAlert>) -> Webhook {
    let key: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    Webhook {
        receiver: "paramedic".into(),
        status: status(alerts.iter().any(|alert| alert.status == "firing")),
        group_labels: labels.clone(),
        common_labels: common(alerts.iter().map(|alert| &alert.labels)),
        common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
        external_url: "http://alertmanager-main-0:9093".into(),
        version: "4".into(),
        group_key: format!("{{}}:{{{}}}", key.join(", ")),
        truncated_alerts: 0,
        alerts,
    }
}

fn status(firing: bool) -> String {
    if firing { "firing" } else { "resolved" }.to_owned()
}

fn common<'a>(mut sets: impl Iterator<Item = &'a BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut common = sets.next().cloned().unwrap_or_default();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common
}
