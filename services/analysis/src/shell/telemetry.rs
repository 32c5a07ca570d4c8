//! What Prometheus and Loki know of a workload.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;
use paramedic_domain::{evidence::Source, id::EvidenceId};

use super::probes::Probes;
use crate::core::{
    criteria,
    facts::{Facts, Series, Workload},
    families::{FAMILIES, first},
    logs::{Line, Pattern, cluster},
    quantity::{self, human},
    read::is_label,
    stats::{fit, longest_run},
};

/// Most patterns of log lines that become evidence.
const MAX_PATTERNS: usize = 8;

/// How long before an incident metrics are known that no longer are, hours: their program may be down since.
const KNOWN_HOURS: i64 = 24;

/// Which metrics count requests in the namespaces of the alerts and of the workload: one question, before any other about them.
pub(super) async fn counted(probes: &Probes, facts: &mut Facts) {
    let named = facts.alerts.iter().map(|alert| alert.label("namespace"));
    let own = facts.workload.iter().filter_map(|workload| workload.object.namespace.as_deref());
    // What is no name of a namespace would be a pattern: the text comes from alerts.
    let namespaces: BTreeSet<&str> = named.chain(own).filter(|name| is_label(name)).collect();
    let (Some(prometheus), false) = (&probes.prometheus, namespaces.is_empty()) else {
        return;
    };
    let pattern = namespaces.into_iter().collect::<Vec<_>>().join("|");
    let selectors: Vec<String> = FAMILIES.iter().map(|family| family.within(&pattern)).collect();
    let from = Probes::before(facts.at, SignedDuration::from_hours(KNOWN_HOURS));
    // Where it does not answer, the questions that follow say so.
    let names = prometheus.names(&selectors, from, facts.at).await.unwrap_or_default();
    facts.counted = first(&names).unwrap_or(facts.counted);
    if let Some(workload) = &mut facts.workload {
        workload.counted = facts.counted;
    }
}

/// Memory by pod, requests and errors of the workload.
pub(super) async fn metrics(probes: &Probes, workload: &Workload, facts: &mut Facts) {
    let Some(prometheus) = &probes.prometheus else {
        facts.missing.push("prometheus: not configured (cluster.prometheus_url)".into());
        return;
    };
    let hours = i64::try_from(probes.config.lookback_hours).unwrap_or(48);
    let (from, to) = (Probes::before(facts.at, SignedDuration::from_hours(hours)), facts.at);
    let step = Duration::from_secs(probes.config.step_seconds);
    let ranged = |query: &str| format!("{query} over the {hours} h before {to}, every {} s", step.as_secs());

    let query = criteria::working_set(workload);
    match prometheus.range(&query, from, to, step).await {
        Err(problem) => {
            facts.missing.push(format!("prometheus: {problem}"));
            return;
        }
        Ok(answers) if answers.iter().all(|answer| answer.points.is_empty()) => {
            facts.missing.push(format!("prometheus: no series for {query}"));
        }
        Ok(answers) => {
            for answer in answers {
                let pod = answer.labels.get("pod").cloned().unwrap_or_default();
                if let Some(evidence) = memory_evidence(facts, &ranged(&query), &pod, &answer.points, workload) {
                    facts.memory.push(Series {
                        of: pod,
                        points: answer.points,
                        evidence,
                    });
                }
            }
        }
    }
    let (family, of) = (workload.counted, criteria::counted(workload));
    let window = format!("{}s", step.as_secs());
    let total = family.rate(&of, &window);
    facts.requests = series(prometheus, facts, &total, from, step, workload, "requests/s").await;
    let failed = format!("{} / {total}", family.failures(&of, &window));
    facts.errors = series(prometheus, facts, &failed, from, step, workload, "share").await;
    facts.latency = series(prometheus, facts, &criteria::p99(workload, &window), from, step, workload, "s").await;
}

/// One series of the whole workload; not every workload counts its requests, so its absence is no missing source.
async fn series(
    prometheus: &super::prometheus::Prometheus,
    facts: &mut Facts,
    query: &str,
    from: jiff::Timestamp,
    step: Duration,
    workload: &Workload,
    unit: &str,
) -> Option<Series> {
    let mut points = prometheus.range(query, from, facts.at, step).await.ok()?.into_iter().next()?.points;
    // No requests have no share and no percentile.
    points.retain(|(_, value)| value.is_finite());
    let (least, most) = points
        .iter()
        .fold((f64::MAX, f64::MIN), |(least, most), (_, v)| (least.min(*v), most.max(*v)));
    let last = points.last()?.1;
    let excerpt = format!("{unit}: between {least:.4} and {most:.4}, now {last:.4}");
    let evidence = facts.cite(Source::Prometheus, format!("{query} from {from}"), excerpt, Some((last, unit)));
    Some(Series {
        of: workload.object.name.clone(),
        points,
        evidence,
    })
}

fn memory_evidence(facts: &mut Facts, query: &str, pod: &str, points: &[(f64, f64)], workload: &Workload) -> Option<EvidenceId> {
    let run = longest_run(points);
    let (first, last) = (run.first()?, run.last()?);
    let limit = workload
        .limit
        .map_or_else(|| "no limit".to_owned(), |limit| format!("limit {}", quantity::memory(limit)));
    Some(match fit(run) {
        Some(fit) => facts.cite(
            Source::Prometheus,
            query,
            format!(
                "{pod}: {} to {} in {:.1} h without a restart, {}/h, R\u{b2} {:.3}, {limit}",
                human(first.1),
                human(last.1),
                fit.hours,
                human(fit.slope),
                fit.r2
            ),
            Some((fit.slope, "bytes/h")),
        ),
        None => facts.cite(
            Source::Prometheus,
            query,
            format!("{pod}: now {}, {limit}", human(last.1)),
            Some((last.1, "bytes")),
        ),
    })
}

/// Log lines of the workload, by pattern.
pub(super) async fn logs(probes: &Probes, workload: &Workload, facts: &mut Facts) {
    let Some(loki) = &probes.loki else {
        facts.missing.push("loki: not configured (cluster.loki_url)".into());
        return;
    };
    let minutes = i64::try_from(probes.config.log_minutes).unwrap_or(30);
    let from = Probes::before(facts.at, SignedDuration::from_mins(minutes));
    let query = format!(
        "{{namespace=\"{}\",pod=~\"{}\"}}",
        workload.object.namespace.as_deref().unwrap_or_default(),
        criteria::pods_of(workload)
    );
    match loki.lines(&query, from, facts.at, probes.config.log_lines).await {
        Err(problem) => facts.missing.push(format!("loki: {problem}")),
        Ok(lines) => {
            let asked = format!("{query} over the {minutes} min before {}", facts.at);
            patterns(facts, Source::Loki, &asked, &lines);
        }
    }
}

/// Lines of the workload become evidence by pattern.
pub(super) fn patterns(facts: &mut Facts, source: Source, asked: &str, lines: &[Line]) {
    for found in cluster(lines).into_iter().take(MAX_PATTERNS) {
        let excerpt = format!("{} lines in {} pods like: {}", found.count, found.pods.len(), found.latest);
        let evidence = facts.cite(source, asked, excerpt, Some((found.count as f64, "lines")));
        facts.logs.push(Pattern {
            shape: found.shape,
            count: found.count,
            pods: found.pods,
            latest: found.latest,
            growing: found.growing,
            alarming: found.alarming,
            evidence,
        });
    }
}
