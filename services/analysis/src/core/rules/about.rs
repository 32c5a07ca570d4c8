//! What alerts are about: the objects that their labels name.

use paramedic_domain::alert::Alert;
use serde_json::Value;

use super::influence::{Key, api_server, at, key};
use crate::core::{
    read::{each, text},
    subjects::{World, owners::WORKLOADS},
};

/// Alerts about the API server.
const API_SERVER: [&str; 5] = [
    "KubeAPIErrorBudgetBurn",
    "KubeAPITerminatedRequests",
    "KubeAggregatedAPIErrors",
    "KubeAggregatedAPIDown",
    "KubeClientErrors",
];

/// The node that is scraped at an address, by its name or one of its addresses.
fn scraped(world: &World, instance: &str) -> Option<Key> {
    let host = instance.rsplit_once(':').map_or(instance, |(host, _)| host);
    let fits = |node: &&Value| {
        let mut addresses = each(node, "/status/addresses");
        text(node, "/metadata/name") == host || addresses.any(|address| text(address, "/address") == host)
    };
    let node = world.snapshot.of("Node").iter().find(|node| !host.is_empty() && fits(node))?;
    Some(at("Node", "", text(node, "/metadata/name")))
}

/// The objects that an alert's labels name; empty where they name none that is known.
#[must_use]
pub fn about(world: &World, alert: &Alert) -> Vec<Key> {
    const LABELS: [(&str, &str); 18] = [
        ("pod", "Pod"),
        ("deployment", "Deployment"),
        ("statefulset", "StatefulSet"),
        ("daemonset", "DaemonSet"),
        ("job_name", "Job"),
        ("cronjob", "CronJob"),
        ("persistentvolumeclaim", "PersistentVolumeClaim"),
        ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
        ("poddisruptionbudget", "PodDisruptionBudget"),
        ("resourcequota", "ResourceQuota"),
        ("service", "Service"),
        ("ingress", "Ingress"),
        ("httproute", "HTTPRoute"),
        ("gateway", "Gateway"),
        // kube-state-metrics calls both by their kinds' own label.
        ("name", "HTTPRoute"),
        ("name", "Gateway"),
        ("replicaset", "ReplicaSet"),
        ("name", "Certificate"),
    ];
    let namespace = match alert.label("exported_namespace") {
        "" => alert.label("namespace"),
        exported => exported,
    };
    let mut found = Vec::new();
    for (label, kind) in LABELS {
        let name = alert.label(label);
        if !name.is_empty() && world.snapshot.named(kind, namespace, name).is_some() {
            found.push(at(kind, namespace, name));
        }
    }
    for (label, kind) in [
        ("node", "Node"),
        ("persistentvolume", "PersistentVolume"),
        ("storageclass", "StorageClass"),
        ("name", "APIService"),
    ] {
        let name = alert.label(label);
        if !name.is_empty() && world.snapshot.named(kind, "", name).is_some() {
            found.push(at(kind, "", name));
        }
    }
    let delivers = world.deliveries.iter().map(|delivery| &delivery.owner);
    found.extend(
        delivers
            .filter(|owner| owner.name == alert.label("name") && owner.namespace.as_deref() == Some(namespace))
            .map(key),
    );
    if API_SERVER.contains(&alert.name()) {
        found.push(api_server());
    }
    if found.is_empty() {
        found.extend(scraped(world, alert.label("instance")));
    }
    // What is called a service, an application or a job is often a workload.
    for label in ["service", "app", "workload", "container", "job"] {
        let name = alert.label(label);
        let workload = WORKLOADS
            .into_iter()
            .find(|kind| !name.is_empty() && world.snapshot.named(kind, namespace, name).is_some());
        if let Some(kind) = workload.filter(|_| found.is_empty() || label == "service") {
            found.push(at(kind, namespace, name));
        }
    }
    // A pod that is gone: its name still says whose it was.
    if found.is_empty() {
        let mut parts = alert.label("pod").rsplitn(3, '-');
        if let (Some(_), Some(_), Some(name)) = (parts.next(), parts.next(), parts.next())
            && world.snapshot.named("Deployment", namespace, name).is_some()
        {
            found.push(at("Deployment", namespace, name));
        }
    }
    found
}
