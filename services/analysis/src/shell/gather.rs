//! One investigation: from the alerts' labels to facts, each with a query that can be repeated.

use paramedic_domain::{alert::Alert, evidence::Source};
use serde_json::Value;

use super::{
    alertmanager::unnoticed,
    clouds::clouds,
    commits::commits,
    complaints::complaints,
    delivery::deliveries,
    estate::estate,
    kubernetes::encode,
    mcp,
    meter::Meter,
    onsets::onsets,
    podlogs::podlogs,
    probes::{Probes, Unreachable},
    reader::Reader,
    resolve::{ask, resolve},
    rights::rights,
    signals::signals,
    snapshot::{measures, snapshot, used},
    telemetry::{counted, logs, metrics},
    traces::traces,
};
use crate::core::{
    facts::{Budget, Facts, Hpa, Nodes, Pod, Quota, Workload},
    quantity::human,
    read,
    revisions::{self, keeper, revisions},
};

/// Told after every stage, so that a caller can watch.
pub type Watcher<'a> = &'a mut (dyn FnMut(&Facts, &str) + Send);

/// Gathers facts about the workload that `alerts` lead to.
///
/// # Errors
/// When the cluster cannot be reached at all; anything else that is missing is listed in the facts.
pub async fn gather(probes: &Probes, alerts: Vec<Alert>, watch: Watcher<'_>) -> Result<Facts, Unreachable> {
    let meter = Meter::of(probes.config.budget_bytes());
    let mut facts = gathered(&probes.metered(&meter), alerts, watch).await?;
    facts.missing.extend(meter.left_out());
    Ok(facts)
}

async fn gathered(probes: &Probes, alerts: Vec<Alert>, watch: Watcher<'_>) -> Result<Facts, Unreachable> {
    let mut facts = Facts::new(probes.clock.now(), alerts);
    let Some(kubernetes) = &probes.kubernetes else {
        return Err(Unreachable("cluster unreachable: this process was given no kubeconfig".into()));
    };
    let kubernetes = &Reader::new(kubernetes.clone());
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
    let late = |source: &str| format!("{source}: no time left of {} s", budget.as_secs());
    // Out of time, the questions that follow say so.
    tokio::time::timeout_at(deadline, counted(probes, &mut facts)).await.ok();
    if let Some(workload) = facts.workload.clone() {
        if tokio::time::timeout_at(deadline, metrics(probes, &workload, &mut facts))
            .await
            .is_err()
        {
            facts.missing.push(late("prometheus"));
        }
        if tokio::time::timeout_at(deadline, onsets(probes, &workload, &mut facts))
            .await
            .is_err()
        {
            facts.missing.push(late("prometheus"));
        }
        watch(&facts, "memory and requests were read");
        if tokio::time::timeout_at(deadline, logs(probes, &workload, &mut facts))
            .await
            .is_err()
        {
            facts.missing.push(late("loki"));
        }
        watch(&facts, "logs were read");
    }
    match tokio::time::timeout_at(deadline, estate(probes, kubernetes, &mut facts)).await {
        Ok(result) => result?,
        Err(_) => facts.missing.push(late("neighbourhood")),
    }
    watch(&facts, "what the alerted workloads depend on was read");
    if tokio::time::timeout_at(deadline, deliveries(probes, kubernetes, &mut facts))
        .await
        .is_err()
    {
        facts.missing.push(late("deliveries"));
    }
    if tokio::time::timeout_at(deadline, commits(probes, &mut facts)).await.is_err() {
        facts.missing.push(late("git"));
    }
    if tokio::time::timeout_at(deadline, clouds(probes, &mut facts)).await.is_err() {
        facts.missing.push(late("clouds"));
    }
    if tokio::time::timeout_at(deadline, traces(probes, &mut facts)).await.is_err() {
        facts.missing.extend(probes.tracing.iter().map(|tracing| late(tracing.name())));
    }
    if tokio::time::timeout_at(deadline, unnoticed(probes, &mut facts)).await.is_err() {
        facts.missing.push(late("alertmanager"));
    }
    if tokio::time::timeout_at(deadline, complaints(probes, &mut facts)).await.is_err() {
        facts.missing.push(late("loki"));
    }
    // Needed most when a log store that hangs has used up the time; that one is named already, and logs are no source of their own.
    let own_time = probes.config.probe_timeout();
    tokio::time::timeout(own_time, podlogs(kubernetes, &mut facts)).await.ok();
    if tokio::time::timeout_at(deadline, rights(kubernetes, &mut facts)).await.is_err() {
        facts.missing.push(late("reviews of rights"));
    }
    let numbers = async {
        measures(probes, &mut facts).await;
        used(kubernetes, &mut facts).await;
        signals(probes, &mut facts).await;
    };
    if tokio::time::timeout_at(deadline, numbers).await.is_err() {
        facts.missing.push(late("prometheus"));
    }
    watch(&facts, "logs and numbers of the neighbourhood were read");
    if tokio::time::timeout_at(deadline, mcp::answers(probes, &mut facts)).await.is_err() {
        facts.missing.push(late("mcp"));
    }
    Ok(facts)
}

async fn cluster_facts(kubernetes: &Reader, facts: &mut Facts, watch: Watcher<'_>) -> Result<(), Unreachable> {
    snapshot(kubernetes, facts).await?;
    watch(facts, "what there is was listed");
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
    own_revisions(kubernetes, facts, &namespace, &selector, &workload).await?;
    facts.workload = Some(workload.clone());
    watch(facts, "pods and revisions were read");
    surroundings(kubernetes, facts, &namespace, &workload, &object).await?;
    watch(facts, "autoscaler, budget, quota and nodes were read");
    Ok(())
}

pub(super) async fn own_pods(kubernetes: &Reader, facts: &mut Facts, namespace: &str, selector: &str) -> Result<(), Unreachable> {
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

pub(super) async fn own_revisions(
    kubernetes: &Reader,
    facts: &mut Facts,
    namespace: &str,
    selector: &str,
    workload: &Workload,
) -> Result<(), Unreachable> {
    let kind = &workload.object.kind;
    let path = format!("/apis/apps/v1/namespaces/{namespace}/{}?labelSelector={selector}", keeper(kind).1);
    let Some(list) = ask(kubernetes, facts, &path).await? else {
        return Ok(());
    };
    let own = revisions::own(read::each(&list, "/items"), kind, &workload.object.name);
    let pods: Vec<(String, bool)> = facts.pods.iter().map(|pod| (pod.revision.clone(), pod.ready)).collect();
    let revisions = revisions(&own, &pods, &facts.next_id());
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

pub(super) async fn surroundings(
    kubernetes: &Reader,
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

async fn nodes(kubernetes: &Reader, facts: &mut Facts, namespace: &str, workload: &Workload) -> Result<(), Unreachable> {
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
