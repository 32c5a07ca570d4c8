//! One investigation: from the alerts' labels to facts, each with a query that can be repeated.

use std::time::Duration;

use jiff::SignedDuration;
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    evidence::Source,
    id::EvidenceId,
};
use serde_json::Value;

use super::{
    kubernetes::{Kubernetes, Problem, encode},
    probes::{Probes, Unreachable},
};
use crate::core::{
    criteria,
    facts::{Budget, Facts, Hpa, Nodes, Pod, Quota, Series, Workload},
    logs::{Pattern, cluster},
    quantity::{self, human},
    read,
    stats::{fit, longest_run},
};

/// Most patterns of log lines that become evidence.
const MAX_PATTERNS: usize = 8;

/// Told after every stage, so that a caller can watch.
pub type Watcher<'a> = &'a mut (dyn FnMut(&Facts, &str) + Send);

/// Gathers facts about the workload that `alerts` lead to.
///
/// # Errors
/// When the cluster cannot be reached at all; anything else that is missing is listed in the facts.
pub async fn gather(probes: &Probes, alerts: Vec<Alert>, watch: Watcher<'_>) -> Result<Facts, Unreachable> {
    let mut facts = Facts::new(probes.clock.now(), alerts);
    let Some(kubernetes) = &probes.kubernetes else {
        return Err(Unreachable("cluster unreachable: this process was given no kubeconfig".into()));
    };
    let budget = probes.config.budget();
    let deadline = tokio::time::Instant::now() + budget;
    match tokio::time::timeout_at(deadline, cluster_facts(kubernetes, &mut facts, watch)).await {
        Err(_) => {
            return Err(Unreachable(format!(
                "cluster unreachable: it did not answer within {} s",
                budget.as_secs()
            )));
        }
        Ok(result) => result?,
    }
    let Some(workload) = facts.workload.clone() else { return Ok(facts) };
    if tokio::time::timeout_at(deadline, metrics(probes, &workload, &mut facts))
        .await
        .is_err()
    {
        facts.missing.push(format!("prometheus: no time left of {} s", budget.as_secs()));
    }
    watch(&facts, "memory and requests were read");
    if tokio::time::timeout_at(deadline, logs(probes, &workload, &mut facts))
        .await
        .is_err()
    {
        facts.missing.push(format!("loki: no time left of {} s", budget.as_secs()));
    }
    watch(&facts, "logs were read");
    Ok(facts)
}

async fn cluster_facts(kubernetes: &Kubernetes, facts: &mut Facts, watch: Watcher<'_>) -> Result<(), Unreachable> {
    let Some((kind, object, path)) = resolve(kubernetes, facts).await? else {
        watch(facts, "the alerts' labels lead to no workload");
        return Ok(());
    };
    let wanted = facts
        .alerts
        .iter()
        .map(|alert| alert.label("container"))
        .find(|name| !name.is_empty())
        .unwrap_or_default()
        .to_owned();
    let line = format!(
        "{kind} {}/{}: {} of {} replicas ready",
        read::text(&object, "/metadata/namespace"),
        read::text(&object, "/metadata/name"),
        read::count(&object, "/status/readyReplicas").unwrap_or(0),
        read::count(&object, "/spec/replicas").unwrap_or(1),
    );
    let id = facts.cite(Source::Kubernetes, &path, line, None);
    let Some(workload) = read::workload(&object, &kind, &wanted, id) else {
        return Ok(());
    };
    watch(facts, "the workload was found");
    let namespace = workload.object.namespace.clone().unwrap_or_default();
    let selector = encode(&read::selector(&object["spec"]["selector"]));
    own_pods(kubernetes, facts, &namespace, &selector).await?;
    if kind == "Deployment" {
        own_revisions(kubernetes, facts, &namespace, &selector, &workload).await?;
    }
    facts.workload = Some(workload.clone());
    watch(facts, "pods and revisions were read");
    surroundings(kubernetes, facts, &namespace, &workload, &object).await?;
    watch(facts, "autoscaler, budget, quota and nodes were read");
    Ok(())
}

/// An answer, or `None` with an entry under the missing sources; only an unreachable cluster stops the investigation.
async fn ask(kubernetes: &Kubernetes, facts: &mut Facts, path: &str) -> Result<Option<Value>, Unreachable> {
    match kubernetes.get(path).await {
        Ok(value) => Ok(Some(value)),
        Err(Problem::Absent(_)) => Ok(None),
        Err(refused @ Problem::Refused { .. }) => {
            facts.missing.push(format!("kubernetes: {refused}"));
            Ok(None)
        }
        Err(unreachable @ Problem::Unreachable { .. }) => Err(Unreachable(unreachable.to_string())),
    }
}

const KINDS: [(&str, &str, &str); 3] = [
    ("deployment", "Deployment", "deployments"),
    ("statefulset", "StatefulSet", "statefulsets"),
    ("daemonset", "DaemonSet", "daemonsets"),
];

type Found = (String, Value, String);

/// The workload of the first alert that leads to one; firing alerts first.
async fn resolve(kubernetes: &Kubernetes, facts: &mut Facts) -> Result<Option<Found>, Unreachable> {
    let mut alerts = facts.alerts.clone();
    alerts.sort_by_key(|alert| (alert.status != AlertStatus::Firing, alert.starts_at));
    for alert in &alerts {
        let namespace = alert.label("namespace");
        if !is_name(namespace) {
            continue;
        }
        for (label, kind, _) in KINDS {
            let name = alert.label(label);
            if is_name(name)
                && let Some(found) = named(kubernetes, facts, namespace, kind, name).await?
            {
                return Ok(Some(found));
            }
        }
        let pod = alert.label("pod");
        if is_name(pod)
            && let Some(found) = of_pod(kubernetes, facts, namespace, pod).await?
        {
            return Ok(Some(found));
        }
        let service = alert.label("service");
        if is_name(service)
            && let Some(found) = of_service(kubernetes, facts, namespace, service).await?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Label values are untrusted: only what can be an object's name goes into a path.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && !text.starts_with('.')
}

async fn named(kubernetes: &Kubernetes, facts: &mut Facts, namespace: &str, kind: &str, name: &str) -> Result<Option<Found>, Unreachable> {
    let Some((_, kind, plural)) = KINDS.into_iter().find(|(_, known, _)| *known == kind) else {
        return Ok(None);
    };
    let path = format!("/apis/apps/v1/namespaces/{namespace}/{plural}/{name}");
    Ok(ask(kubernetes, facts, &path).await?.map(|object| (kind.to_owned(), object, path)))
}

async fn of_pod(kubernetes: &Kubernetes, facts: &mut Facts, namespace: &str, pod: &str) -> Result<Option<Found>, Unreachable> {
    if let Some(object) = ask(kubernetes, facts, &format!("/api/v1/namespaces/{namespace}/pods/{pod}")).await? {
        return of_owner(kubernetes, facts, namespace, &object).await;
    }
    // The pod is gone. Its name still says which Deployment's it was, if that exists.
    let mut name = pod.rsplitn(3, '-');
    let (Some(_), Some(_), Some(deployment)) = (name.next(), name.next(), name.next()) else {
        return Ok(None);
    };
    named(kubernetes, facts, namespace, "Deployment", deployment).await
}

async fn of_owner(kubernetes: &Kubernetes, facts: &mut Facts, namespace: &str, object: &Value) -> Result<Option<Found>, Unreachable> {
    let Some((kind, name)) = read::controller(object) else {
        return Ok(None);
    };
    if kind != "ReplicaSet" {
        return named(kubernetes, facts, namespace, &kind, &name).await;
    }
    let set = ask(
        kubernetes,
        facts,
        &format!("/apis/apps/v1/namespaces/{namespace}/replicasets/{name}"),
    )
    .await?;
    match set.as_ref().and_then(read::controller) {
        Some((kind, name)) => named(kubernetes, facts, namespace, &kind, &name).await,
        None => Ok(None),
    }
}

async fn of_service(kubernetes: &Kubernetes, facts: &mut Facts, namespace: &str, service: &str) -> Result<Option<Found>, Unreachable> {
    let Some(object) = ask(kubernetes, facts, &format!("/api/v1/namespaces/{namespace}/services/{service}")).await? else {
        return Ok(None);
    };
    let labels: Vec<String> = read::texts(&object, "/spec/selector")
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if labels.is_empty() {
        return Ok(None);
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={}", encode(&labels.join(",")));
    let Some(pods) = ask(kubernetes, facts, &path).await? else {
        return Ok(None);
    };
    match read::each(&pods, "/items").next() {
        Some(pod) => of_owner(kubernetes, facts, namespace, pod).await,
        None => Ok(None),
    }
}

async fn own_pods(kubernetes: &Kubernetes, facts: &mut Facts, namespace: &str, selector: &str) -> Result<(), Unreachable> {
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}");
    let Some(list) = ask(kubernetes, facts, &path).await? else {
        return Ok(());
    };
    for object in read::each(&list, "/items") {
        let pod = read::pod(object, facts.next_id());
        let restarts = pod.containers.iter().map(|container| container.restarts).max().unwrap_or(0);
        facts.cite(Source::Kubernetes, &path, describe(&pod), Some((f64::from(restarts), "restarts")));
        facts.pods.push(pod);
    }
    Ok(())
}

fn describe(pod: &Pod) -> String {
    let containers: Vec<String> = pod
        .containers
        .iter()
        .map(|container| {
            let waiting = container
                .waiting
                .as_ref()
                .map(|(reason, message)| format!(", waiting: {reason} {message}"));
            let ended = container.ended.as_ref().map(|ended| {
                let at = ended.at.map_or_else(String::new, |at| format!(" at {at}"));
                format!(
                    ", last run ended with reason {} and exit code {}{at}",
                    ended.reason, ended.exit_code
                )
            });
            format!(
                "{}: {} restarts{}{}",
                container.name,
                container.restarts,
                waiting.unwrap_or_default(),
                ended.unwrap_or_default()
            )
        })
        .collect();
    format!(
        "pod {} ({}): {}",
        pod.name,
        if pod.ready { "ready" } else { "not ready" },
        containers.join("; ")
    )
}

async fn own_revisions(
    kubernetes: &Kubernetes,
    facts: &mut Facts,
    namespace: &str,
    selector: &str,
    workload: &Workload,
) -> Result<(), Unreachable> {
    let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets?labelSelector={selector}");
    let Some(list) = ask(kubernetes, facts, &path).await? else {
        return Ok(());
    };
    let own: Vec<&Value> = read::each(&list, "/items")
        .filter(|set| read::controller(set).is_some_and(|(kind, name)| kind == "Deployment" && name == workload.object.name))
        .collect();
    let revisions = read::revisions(&own, &facts.next_id());
    let lines: Vec<String> = revisions
        .iter()
        .map(|revision| {
            format!(
                "revision {} ({}) since {}: {} of {} replicas ready{}",
                revision.number,
                revision.name,
                revision.created,
                revision.ready,
                revision.replicas,
                revision
                    .changes
                    .first()
                    .map_or_else(String::new, |change| format!("; changed {change}"))
            )
        })
        .collect();
    facts.cite(Source::Kubernetes, &path, lines.join("\n"), None);
    facts.revisions = revisions;
    Ok(())
}

async fn surroundings(
    kubernetes: &Kubernetes,
    facts: &mut Facts,
    namespace: &str,
    workload: &Workload,
    object: &Value,
) -> Result<(), Unreachable> {
    let path = format!("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers");
    if let Some(list) = ask(kubernetes, facts, &path).await? {
        let found = read::each(&list, "/items").find(|hpa| {
            read::text(hpa, "/spec/scaleTargetRef/kind") == workload.object.kind
                && read::text(hpa, "/spec/scaleTargetRef/name") == workload.object.name
        });
        if let Some(hpa) = found {
            let name = read::text(hpa, "/metadata/name").to_owned();
            let (min, max) = (
                read::count(hpa, "/spec/minReplicas").unwrap_or(1),
                read::count(hpa, "/spec/maxReplicas").unwrap_or(1),
            );
            let evidence = facts.cite(
                Source::Kubernetes,
                format!("{path}/{name}"),
                format!("{name} scales between {min} and {max} replicas"),
                Some((f64::from(max), "replicas")),
            );
            facts.hpa = Some(Hpa { name, min, max, evidence });
        }
    }
    let path = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets");
    if let Some(list) = ask(kubernetes, facts, &path).await? {
        let labels = read::texts(object, "/spec/template/metadata/labels");
        let found = read::each(&list, "/items").find(|budget| {
            let wanted = read::texts(budget, "/spec/selector/matchLabels");
            !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
        });
        if let Some(budget) = found {
            let name = read::text(budget, "/metadata/name").to_owned();
            let allowed = read::count(budget, "/status/disruptionsAllowed").unwrap_or(0);
            let evidence = facts.cite(
                Source::Kubernetes,
                format!("{path}/{name}"),
                format!("{name} allows {allowed} disruptions now"),
                Some((f64::from(allowed), "pods")),
            );
            facts.budget = Some(Budget { name, allowed, evidence });
        }
    }
    let path = format!("/api/v1/namespaces/{namespace}/resourcequotas");
    if let Some(list) = ask(kubernetes, facts, &path).await? {
        for quota in read::each(&list, "/items") {
            let name = read::text(quota, "/metadata/name").to_owned();
            let hard = read::amount(quota, "/status/hard/limits.memory").or_else(|| read::amount(quota, "/spec/hard/limits.memory"));
            let limits = hard.map(|hard| (hard, read::amount(quota, "/status/used/limits.memory").unwrap_or(0.0)));
            let Some((hard, used)) = limits else { continue };
            let line = format!("{name}: {} of {} limits.memory used", human(used), human(hard));
            let evidence = facts.cite(
                Source::Kubernetes,
                format!("{path}/{name}"),
                line,
                Some((hard - used, "bytes free")),
            );
            facts.quotas.push(Quota { name, limits, evidence });
        }
    }
    nodes(kubernetes, facts, namespace, workload).await
}

async fn nodes(kubernetes: &Kubernetes, facts: &mut Facts, namespace: &str, workload: &Workload) -> Result<(), Unreachable> {
    let Some(list) = ask(kubernetes, facts, "/api/v1/nodes").await? else {
        return Ok(());
    };
    let Some(pods) = ask(kubernetes, facts, "/api/v1/pods").await? else {
        return Ok(());
    };
    let usable = read::each(&list, "/items").filter(|node| node.pointer("/spec/unschedulable") != Some(&Value::Bool(true)));
    let allocatable: Vec<f64> = usable.filter_map(|node| read::amount(node, "/status/allocatable/memory")).collect();
    let own: Vec<&str> = facts.pods.iter().map(|pod| pod.name.as_str()).collect();
    let foreign = read::each(&pods, "/items")
        .filter(|pod| read::text(pod, "/metadata/namespace") != namespace || !own.contains(&read::text(pod, "/metadata/name")));
    let others: f64 = foreign.map(read::requested).sum();
    let line = format!(
        "{} nodes with {} allocatable memory, the largest {}; pods other than those of {} request {}",
        allocatable.len(),
        human(allocatable.iter().sum()),
        human(allocatable.iter().copied().fold(0.0, f64::max)),
        workload.object.name,
        human(others)
    );
    let evidence = facts.cite(
        Source::Kubernetes,
        "/api/v1/nodes and /api/v1/pods",
        line,
        Some((allocatable.iter().sum::<f64>() - others, "bytes free")),
    );
    facts.nodes = Some(Nodes {
        allocatable,
        others,
        evidence,
    });
    Ok(())
}

async fn metrics(probes: &Probes, workload: &Workload, facts: &mut Facts) {
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
    let pods = format!(
        "namespace=\"{}\",pod=~\"{}\"",
        workload.object.namespace.as_deref().unwrap_or_default(),
        criteria::pods_of(workload)
    );
    let window = format!("{}s", step.as_secs());
    let total = format!("sum(rate(http_requests_total{{{pods}}}[{window}]))");
    facts.requests = series(prometheus, facts, &total, from, step, workload, "requests/s").await;
    let failed = format!("sum(rate(http_requests_total{{{pods},code=~\"5..\"}}[{window}])) / {total}");
    facts.errors = series(prometheus, facts, &failed, from, step, workload, "share").await;
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
    let points = prometheus.range(query, from, facts.at, step).await.ok()?.into_iter().next()?.points;
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

async fn logs(probes: &Probes, workload: &Workload, facts: &mut Facts) {
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
            for found in cluster(&lines).into_iter().take(MAX_PATTERNS) {
                let excerpt = format!("{} lines in {} pods like: {}", found.count, found.pods.len(), found.latest);
                let asked = format!("{query} over the {minutes} min before {}", facts.at);
                let evidence = facts.cite(Source::Loki, asked, excerpt, Some((found.count as f64, "lines")));
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
    }
}
