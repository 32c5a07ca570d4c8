//! Lists everything that rules look at, once, and asks Prometheus for the numbers they may need.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use paramedic_domain::{alert::Alert, evidence::Source};
use serde_json::Value;

use super::{
    kubernetes::Problem,
    probes::{Probes, Unreachable},
    reader::Reader,
};
use crate::core::{
    facts::Facts,
    measures::{self, Measure, Measures, memory_shares},
    read::{each, is_label},
    snapshot::{
        Snapshot,
        kinds::{KINDS, Kind},
    },
};

/// Questions asked at the same time.
const AT_ONCE: usize = 6;
/// Labels that say to which namespace an alert belongs.
const NAMESPACE_LABELS: [&str; 2] = ["exported_namespace", "namespace"];

/// Takes the snapshot.
///
/// # Errors
/// When the cluster cannot be reached.
pub(super) async fn snapshot(reader: &Reader, facts: &mut Facts) -> Result<(), Unreachable> {
    let (scope, everywhere) = scope(facts);
    let one = scope.iter().next().filter(|_| scope.len() == 1 && !everywhere).cloned();
    let mut answers: Vec<(Kind, Result<Value, Problem>)> = Vec::new();
    let mut open = KINDS.to_vec();
    loop {
        let (now, later): (Vec<Kind>, Vec<Kind>) = open.into_iter().partition(|kind| wanted(*kind, &answers, &facts.alerts));
        if now.is_empty() {
            break;
        }
        let mut questions = Vec::new();
        for kind in now {
            let path = kind.path(one.as_deref().filter(|_| !kind.everywhere));
            questions.push(async move { (kind, reader.get(&path).await) });
        }
        answers.extend(stream::iter(questions).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
        open = later;
    }
    let mut snapshot = Snapshot::new(facts.at, scope);
    let (mut refused, mut narrow) = (Vec::new(), Vec::new());
    answers.sort_by_key(|(kind, _)| kind.name);
    if everywhere {
        // Alerts that do not say where: every namespace may be meant.
        let namespaces = answers
            .iter()
            .filter_map(|(kind, answer)| (kind.name == "Namespace").then_some(answer.as_ref().ok()?));
        let names = namespaces
            .flat_map(|list| each(list, "/items"))
            .filter_map(|one| one["metadata"]["name"].as_str());
        snapshot.scope.extend(names.map(ToOwned::to_owned));
    }
    for (kind, answer) in answers {
        match answer {
            Ok(list) => snapshot.file(kind, each(&list, "/items").cloned().collect()),
            // A cluster without this kind has no faults of it.
            Err(Problem::Absent(_)) => {}
            // The meter says it.
            Err(Problem::TooMuch { .. }) => {}
            Err(Problem::Refused { .. }) if kind.optional => {}
            Err(Problem::Refused { .. }) if kind.namespaced && one.is_none() => narrow.push(kind),
            Err(Problem::Refused { .. }) => refused.push(kind.plural),
            // What others add to the API server may fail by itself: a webhook that converts, say.
            Err(problem @ Problem::Unreachable { .. }) if kind.optional => facts.missing.push(format!("{}: {problem}", kind.plural)),
            Err(unreachable @ Problem::Unreachable { .. }) => return Err(Unreachable(unreachable.to_string())),
        }
    }
    // Who may not list all namespaces may list those that it looks after.
    for kind in narrow {
        let mut some = false;
        for namespace in snapshot.scope.clone() {
            match reader.get(&kind.path(Some(&namespace))).await {
                Ok(list) => {
                    some = true;
                    snapshot.file(kind, each(&list, "/items").cloned().collect());
                }
                Err(unreachable @ Problem::Unreachable { .. }) => return Err(Unreachable(unreachable.to_string())),
                Err(Problem::Absent(_) | Problem::Refused { .. } | Problem::TooMuch { .. }) => {}
            }
        }
        if !some {
            refused.push(kind.plural);
        }
    }
    if !refused.is_empty() {
        facts.missing.push(format!("kubernetes: may not list {}", refused.join(", ")));
    }
    facts.world.snapshot = snapshot;
    Ok(())
}

/// Whether a kind is listed now, by what was listed already.
fn wanted(kind: Kind, answers: &[(Kind, Result<Value, Problem>)], alerts: &[Alert]) -> bool {
    let some = |name: &str| {
        let list = answers.iter().find(|(known, _)| known.name == name);
        list.is_some_and(|(_, answer)| answer.as_ref().is_ok_and(|list| each(list, "/items").next().is_some()))
    };
    kind.beside.is_empty() || kind.beside.iter().any(|name| some(name)) || kind.spoken_of(alerts)
}

/// The namespaces that alerts name, and whether some alert is about something in a namespace that it does not name.
fn scope(facts: &Facts) -> (BTreeSet<String>, bool) {
    let namespace = |alert: &Alert| {
        let named = NAMESPACE_LABELS.iter().map(|label| alert.label(label));
        named.filter(|name| is_label(name)).map(ToOwned::to_owned).next()
    };
    let lost = |alert: &Alert| {
        namespace(alert).is_none()
            && ["service", "pod", "deployment", "app", "node"]
                .iter()
                .any(|label| !alert.label(label).is_empty())
    };
    let scope = facts.alerts.iter().filter_map(namespace).collect();
    (scope, facts.alerts.iter().any(lost))
}

/// Asks Prometheus; what it does not have is no missing source.
pub(super) async fn measures(probes: &Probes, facts: &mut Facts) {
    let Some(prometheus) = &probes.prometheus else {
        facts.world.silent.insert(Source::Prometheus);
        return;
    };
    let mut namespaces: BTreeSet<&str> = facts.world.snapshot.scope.iter().map(String::as_str).collect();
    namespaces.extend(facts.world.listings.keys().map(String::as_str));
    let pattern = namespaces.into_iter().collect::<Vec<_>>().join("|");
    let at = facts.at;
    let mut questions = Vec::new();
    for (name, promql) in measures::questions(facts.counted, &pattern) {
        questions.push(async move {
            let answer = prometheus.instant(&promql, at).await;
            (name, promql, answer)
        });
    }
    let mut answers: Vec<_> = stream::iter(questions).buffer_unordered(AT_ONCE).collect().await;
    answers.sort_by_key(|(name, ..)| *name);
    let mut all = Vec::new();
    if answers.iter().any(|(.., answer)| answer.is_err()) {
        facts.world.silent.insert(Source::Prometheus);
    }
    for (name, promql, answer) in answers {
        for one in answer.unwrap_or_default() {
            if let Some((_, value)) = one.points.last().filter(|(_, value)| value.is_finite()) {
                all.push(Measure {
                    name,
                    labels: facts.counted.plain(one.labels),
                    value: *value,
                    source: Source::Prometheus,
                    query: promql.clone(),
                });
            }
        }
    }
    facts.world.measures = Measures(all);
}

/// Use of memory from the metrics API, where Prometheus knows none; clusters may be without it.
pub(super) async fn used(reader: &Reader, facts: &mut Facts) {
    if facts.world.measures.0.iter().any(|measure| measure.name == "memory_share") {
        return;
    }
    let mut scope = facts.world.snapshot.scope.iter();
    let path = match (scope.next(), scope.next()) {
        (Some(only), None) => format!("/apis/metrics.k8s.io/v1beta1/namespaces/{only}/pods"),
        _ => "/apis/metrics.k8s.io/v1beta1/pods".to_owned(),
    };
    if let Ok(list) = reader.get(&path).await {
        let shares = memory_shares(&facts.world.snapshot, &path, &list);
        let scope = &facts.world.snapshot.scope;
        let within = |share: &Measure| share.labels.get("namespace").is_some_and(|namespace| scope.contains(namespace));
        facts.world.measures.0.extend(shares.into_iter().filter(within));
    }
}
