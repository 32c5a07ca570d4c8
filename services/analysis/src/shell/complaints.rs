//! What the logs of the neighbourhood complain about.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use paramedic_domain::{evidence::Source, id::EvidenceId, object::ObjectRef};

use super::probes::Probes;
use crate::core::{
    estate::{Complaint, Estate},
    facts::Facts,
    logs::{Line, cluster},
};

/// How far back complaints are read, minutes.
const LOG_MINUTES: i64 = 10;
/// Most complaints of one member that become evidence.
const MOST_COMPLAINTS: usize = 2;

/// What the logs of the members complain about, one question for each namespace.
pub(super) async fn complaints(probes: &Probes, facts: &mut Facts, estate: &mut Estate) {
    let Some(loki) = &probes.loki else { return };
    let from = Probes::before(facts.at, SignedDuration::from_mins(LOG_MINUTES));
    let namespaces: BTreeSet<String> = estate
        .members
        .iter()
        .filter_map(|member| member.workload.object.namespace.clone())
        .collect();
    for namespace in namespaces {
        let query = format!("{{namespace=\"{namespace}\"}} |~ \"(?i)(error|fatal|panic|timeout|deadlock|refused|fail)\"");
        let lines = match loki.lines(&query, from, facts.at, probes.config.log_lines).await {
            Ok(lines) => lines,
            Err(problem) => {
                facts.missing.push(format!("loki: {problem}"));
                continue;
            }
        };
        for member in estate
            .members
            .iter_mut()
            .filter(|member| member.workload.object.namespace.as_ref() == Some(&namespace))
        {
            let own: Vec<Line> = lines
                .iter()
                .filter(|line| is_of(&line.pod, &member.workload.object))
                .cloned()
                .collect();
            member.complaints = cited(facts, &query, &own);
        }
    }
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

fn cited(facts: &mut Facts, query: &str, lines: &[Line]) -> Vec<Complaint> {
    let mut clusters = cluster(lines);
    clusters.sort_by_key(|found| std::cmp::Reverse(found.count));
    clusters
        .into_iter()
        .take(MOST_COMPLAINTS)
        .map(|found| {
            let excerpt = format!("{} lines in {} pods like: {}", found.count, found.pods.len(), found.latest);
            let evidence: EvidenceId = facts.cite(Source::Loki, query, excerpt, Some((found.count as f64, "lines")));
            Complaint {
                latest: found.latest,
                count: found.count,
                evidence,
            }
        })
        .collect()
}
