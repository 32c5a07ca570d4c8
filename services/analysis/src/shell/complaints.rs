//! What the logs of the neighbourhood complain about.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{evidence::Source, id::EvidenceId, object::ObjectRef};

use super::probes::Probes;
use crate::core::{
    estate::Complaint,
    facts::Facts,
    logs::{Line, cluster},
    podlogs::{self, TROUBLE},
    subjects::{Quote, Said, owners::Owners},
    timeline::{Moment, Telling},
};

/// How long before the first alert began complaints are read, minutes: an alert waits before it fires.
const LEAD_MINUTES: i64 = 15;
/// Longest time that is read, minutes.
const MOST_MINUTES: i64 = 120;
/// What is complained about from the beginning of the time that is read may be older.
const ALWAYS: SignedDuration = SignedDuration::from_mins(1);
/// Most complaints of one member that become evidence at once.
const MOST_COMPLAINTS: usize = 2;

/// When the lines that are read begin: some time before the first alert.
pub(super) fn beginning(facts: &Facts) -> Timestamp {
    let first = facts.alerts.iter().map(|alert| alert.starts_at).min();
    let began = first.unwrap_or(facts.at).min(facts.at);
    let from = Probes::before(began, SignedDuration::from_mins(LEAD_MINUTES));
    from.max(Probes::before(facts.at, SignedDuration::from_mins(MOST_MINUTES)))
}

/// The namespaces of the alerts, and of what the alerted workloads depend on.
pub(super) fn namespaces(facts: &Facts) -> BTreeSet<String> {
    let members = facts.estate.members.iter();
    let mut all: BTreeSet<String> = members.filter_map(|member| member.workload.object.namespace.clone()).collect();
    all.extend(facts.world.snapshot.scope.iter().cloned());
    all
}

/// What the logs of the neighbourhood complain about, one question for each namespace.
pub(super) async fn complaints(probes: &Probes, facts: &mut Facts) {
    let Some(loki) = &probes.loki else {
        facts.world.silent.insert(Source::Loki);
        return;
    };
    let from = beginning(facts);
    for namespace in namespaces(facts) {
        let query = format!("{{namespace=\"{namespace}\"}} |~ `{TROUBLE}`");
        let lines = match loki.lines(&query, from, facts.at, probes.config.log_lines).await {
            Ok(lines) => lines,
            Err(problem) => {
                facts.missing.push(format!("loki: {problem}"));
                facts.world.silent.insert(Source::Loki);
                // One source that does not answer is one missing source.
                return;
            }
        };
        for at in 0..facts.estate.members.len() {
            let object = facts.estate.members[at].workload.object.clone();
            if object.namespace.as_ref() != Some(&namespace) {
                continue;
            }
            let own: Vec<Line> = lines.iter().filter(|line| is_of(&line.pod, &object)).cloned().collect();
            facts.estate.members[at].complaints = cited(facts, Source::Loki, &query, &own);
        }
        let said = said(facts, &namespace, &query, &lines);
        facts.world.said.extend(said);
        // A full answer has the newest lines only: when each shape began, the oldest ones tell.
        let mut lines = lines;
        if lines.len() >= probes.config.log_lines as usize
            && let Ok(first) = loki.first_lines(&query, from, facts.at, probes.config.log_lines).await
        {
            lines.extend(first);
        }
        let first = first_errors(facts, (&namespace, &query), &lines, from);
        facts.moments.extend(first);
    }
}

/// The lines of each workload and Job by shape, as rules see them.
fn said(facts: &Facts, namespace: &str, query: &str, lines: &[Line]) -> Vec<Said> {
    let owners = Owners::of(&facts.world.snapshot);
    let mut by: BTreeMap<&ObjectRef, Vec<Line>> = BTreeMap::new();
    for line in lines {
        if let Some(owner) = owners.of_pod(namespace, &line.pod) {
            by.entry(owner).or_default().push(line.clone());
        }
    }
    let shapes = |(owner, lines): (&ObjectRef, Vec<Line>)| podlogs::said(owner, Source::Loki, query, &lines).collect::<Vec<_>>();
    by.into_iter().flat_map(shapes).collect()
}

/// When the lines that each workload writes most began.
fn first_errors(facts: &Facts, (namespace, query): (&str, &str), lines: &[Line], from: Timestamp) -> Vec<Moment> {
    let owners = Owners::of(&facts.world.snapshot);
    let mut by: BTreeMap<&ObjectRef, Vec<Line>> = BTreeMap::new();
    for line in lines {
        if let Some(owner) = owners.of_pod(namespace, &line.pod) {
            by.entry(owner).or_default().push(line.clone());
        }
    }
    let firsts = by.into_iter().flat_map(|(owner, lines)| {
        let mut shapes = cluster(&lines);
        shapes.sort_by_key(|found| (!found.alarming, Reverse(found.count)));
        shapes.into_iter().take(MOST_COMPLAINTS).filter_map(|found| {
            let at = Timestamp::from_millisecond((found.began * 1000.0) as i64).ok()?;
            let always = at.duration_since(from) < ALWAYS;
            Some(Moment {
                at,
                telling: if always { Telling::Detail } else { Telling::Symptom },
                object: owner.to_string(),
                what: format!(
                    "first of {} lines{} like: {}",
                    found.count,
                    if always { ", or earlier" } else { "" },
                    found.latest
                ),
                quote: Quote {
                    source: Source::Loki,
                    query: query.to_owned(),
                    excerpt: format!("{} lines since {at} like: {}", found.count, found.latest),
                    value: Some((found.count as f64, "lines".into())),
                },
            })
        })
    });
    firsts.collect()
}

fn is_of(pod: &str, workload: &ObjectRef) -> bool {
    let Some(rest) = pod.strip_prefix(workload.name.as_str()).and_then(|rest| rest.strip_prefix('-')) else {
        return false;
    };
    let parts = rest.split('-').count();
    match workload.kind.as_str() {
        "Deployment" => parts == 2,
        "StatefulSet" => rest.bytes().all(|b| b.is_ascii_digit()),
        _ => parts == 1,
    }
}

pub(super) fn cited(facts: &mut Facts, source: Source, query: &str, lines: &[Line]) -> Vec<Complaint> {
    let mut clusters = cluster(lines);
    clusters.sort_by_key(|found| std::cmp::Reverse(found.count));
    clusters
        .into_iter()
        .take(MOST_COMPLAINTS)
        .map(|found| {
            let excerpt = format!("{} lines in {} pods like: {}", found.count, found.pods.len(), found.latest);
            let evidence: EvidenceId = facts.cite(source, query, excerpt, Some((found.count as f64, "lines")));
            Complaint {
                latest: found.latest,
                count: found.count,
                evidence,
            }
        })
        .collect()
}
