//! What happened, from all sources, in one order: alerts, events, rollouts, changes, onsets, log lines, traces.

mod changes;
mod objects;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::Alert,
    diagnosis::Happening,
    evidence::{Evidence, Source},
    object::ObjectRef,
};

use super::{facts::Facts, redact::redact, subjects::Quote};

/// Most rows: two screens of a terminal are read, more are not.
const MOST_ROWS: usize = 24;
/// What happened longer before the first alert is not part of this incident.
const WINDOW: SignedDuration = SignedDuration::from_hours(2);
/// Changes may take a day to show.
const CHANGES_WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// Longest line, characters.
const MOST_WORDS: usize = 180;

/// How much a moment tells, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Telling {
    /// Somebody or something changed the system, or a signal left its usual level: where causes are looked for.
    Turn,
    /// What somebody announced for a time that may still come.
    Ahead,
    /// An alert, the first line of an error, the slow span: what is felt.
    Symptom,
    /// A warning of the cluster, the end of a container.
    Sign,
    /// Anything else.
    Detail,
}

/// Something that happened, before it is evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// How much it tells.
    pub telling: Telling,
    /// What it happened to.
    pub object: String,
    /// What happened.
    pub what: String,
    /// What says so.
    pub quote: Quote,
}

impl Moment {
    /// The row that is stored, with its evidence filed.
    pub fn told(self, at: Timestamp, evidence: &mut Vec<Evidence>) -> Happening {
        let id = self.quote.file(at, evidence);
        let line = self.what.lines().next().unwrap_or_default();
        Happening {
            at: self.at,
            source: self.quote.source,
            object: self.object,
            what: redact(line).chars().take(MOST_WORDS).collect(),
            evidence: id,
        }
    }
}

/// The most telling moments by time, then source; and how many others there are.
#[must_use]
pub fn timeline(facts: &Facts, target: &ObjectRef) -> (Vec<Moment>, u32) {
    let felt = first_felt(facts);
    let mut all = alerts(&facts.alerts);
    all.extend(facts.moments.iter().cloned());
    all.extend(objects::moments(&facts.world.snapshot));
    all.extend(changes::moments(&facts.world.snapshot));
    all.retain(|moment| {
        let window = if moment.telling == Telling::Turn { CHANGES_WINDOW } else { WINDOW };
        let due = moment.at <= facts.at || moment.telling == Telling::Ahead;
        due && moment.at >= felt.checked_sub(window).unwrap_or(Timestamp::MIN)
    });
    let near = near(facts, target);
    // What is about something else tells less than anything about what is wrong, but alerts, which are all about this incident.
    let rank = |moment: &Moment| {
        let elsewhere = moment.quote.source == Source::Kubernetes && !near.contains(&moment.object);
        let distance = moment.at.duration_since(felt).as_secs().unsigned_abs();
        (elsewhere, moment.telling, distance)
    };
    all.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| order(a).cmp(&order(b))));
    let left_out = u32::try_from(all.len().saturating_sub(MOST_ROWS)).unwrap_or(u32::MAX);
    all.truncate(MOST_ROWS);
    all.sort_by(|a, b| order(a).cmp(&order(b)));
    (all, left_out)
}

fn order(moment: &Moment) -> (Timestamp, Source, &str, &str) {
    (moment.at, moment.quote.source, &moment.object, &moment.what)
}

/// When the first alert began.
#[must_use]
pub fn first_felt(facts: &Facts) -> Timestamp {
    let began = facts.alerts.iter().map(|alert| alert.starts_at).min();
    began.unwrap_or(facts.at).min(facts.at)
}

/// What is at fault, what is alerted about and what that runs on, as rows name it.
fn near(facts: &Facts, target: &ObjectRef) -> BTreeSet<String> {
    let members = facts.estate.members.iter().map(|member| &member.workload.object);
    let workload = facts.workload.iter().map(|workload| &workload.object);
    std::iter::once(target)
        .chain(members)
        .chain(workload)
        .map(ToString::to_string)
        .collect()
}

/// One moment for each name of alerts: when the first of them began.
fn alerts(alerts: &[Alert]) -> Vec<Moment> {
    let mut by: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        by.entry(alert.name()).or_default().push(alert);
    }
    let named = by.into_iter().filter_map(|(name, mut alerts)| {
        alerts.sort_by_key(|alert| alert.starts_at);
        let first = alerts.first()?;
        let more = match alerts.len() {
            1 => String::new(),
            n => format!(", the first of {n}"),
        };
        Some(Moment {
            at: first.starts_at,
            telling: Telling::Symptom,
            object: about(first),
            what: format!("alert {name} began to fire{more}"),
            quote: Quote {
                source: Source::Alertmanager,
                query: format!("alert {name} of this incident"),
                excerpt: format!("{name} of {} fires since {}{more}", about(first), first.starts_at),
                value: Some((alerts.len() as f64, "alerts".into())),
            },
        })
    });
    named.collect()
}

/// What an alert says that it is about.
#[must_use]
pub fn about(alert: &Alert) -> String {
    let labels = [
        ("Pod", "pod"),
        ("Deployment", "deployment"),
        ("StatefulSet", "statefulset"),
        ("DaemonSet", "daemonset"),
        ("Service", "service"),
        ("PersistentVolumeClaim", "persistentvolumeclaim"),
        ("Job", "job_name"),
    ];
    let namespace = alert.label("namespace");
    let inside = labels.iter().find_map(|(kind, label)| {
        let name = alert.label(label);
        (!name.is_empty() && !namespace.is_empty()).then(|| format!("{kind} {namespace}/{name}"))
    });
    let node = || {
        Some(alert.label("node"))
            .filter(|node| !node.is_empty())
            .map(|node| format!("Node {node}"))
    };
    inside.or_else(node).unwrap_or_else(|| match namespace {
        "" => "the cluster".to_owned(),
        namespace => format!("Namespace {namespace}"),
    })
}
