//! Who changed what: rollouts, and the field managers of objects, which are people, pipelines and this product itself.

use std::collections::BTreeMap;

use paramedic_domain::evidence::Source;
use serde_json::Value;

use super::{Moment, Telling};
use crate::core::{
    read::{controller, each, text, time},
    revisions::{keeper, revisions},
    snapshot::{Snapshot, reference},
    subjects::{Quote, owners::WORKLOADS, path},
};

/// Kinds that people, pipelines and this product change; everything else is made by controllers.
const CHANGED: [&str; 17] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Service",
    "Ingress",
    "NetworkPolicy",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "ResourceQuota",
    "LimitRange",
    "PersistentVolumeClaim",
    "RoleBinding",
    "Node",
    "StorageClass",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
];
/// Managers that are part of the cluster: what they write follows from what others wrote.
const CONTROLLERS: [&str; 9] = [
    "kube-",
    "kubelet",
    "cloud-",
    "cluster-autoscaler",
    "cert-manager",
    "cainjector",
    "csi-",
    "coredns",
    "k3s",
];
/// Our own name as a field manager.
const OURSELVES: &str = "paramedic";
/// Most fields that are named.
const MOST_FIELDS: usize = 3;

pub(super) fn moments(snapshot: &Snapshot) -> Vec<Moment> {
    let mut all = rollouts(snapshot);
    for kind in CHANGED {
        all.extend(snapshot.of(kind).iter().flat_map(|object| changes(kind, object)));
    }
    all
}

/// Revisions of workloads, each when it was rolled out.
fn rollouts(snapshot: &Snapshot) -> Vec<Moment> {
    let mut by: BTreeMap<(&str, &str, String), Vec<&Value>> = BTreeMap::new();
    for workload in WORKLOADS {
        for kept in snapshot.of(keeper(workload).0) {
            if let Some((kind, name)) = controller(kept)
                && kind == workload
            {
                let namespace = text(kept, "/metadata/namespace");
                by.entry((workload, namespace, name)).or_default().push(kept);
            }
        }
    }
    let nobody = "none".parse().expect("letters are a valid id");
    let mut all = Vec::new();
    for ((workload, namespace, name), kept) in by {
        let query = format!("/apis/apps/v1/namespaces/{namespace}/{} owned by {name}", keeper(workload).1);
        for revision in revisions(&kept, &[], &nobody) {
            let changed = match revision.changes.first() {
                Some(change) => format!(", changed {}", change.trim_start_matches("template.")),
                None => String::new(),
            };
            let what = format!("revision {} was rolled out{changed}", revision.number);
            all.push(Moment {
                at: revision.created,
                telling: Telling::Turn,
                object: format!("{workload} {namespace}/{name}"),
                quote: Quote {
                    source: Source::Kubernetes,
                    query: query.clone(),
                    excerpt: format!("{what}, as {} at {}", revision.name, revision.created),
                    value: None,
                },
                what,
            });
        }
    }
    all
}

/// What others than controllers wrote into one object, each by its last time.
fn changes(kind: &str, object: &Value) -> Vec<Moment> {
    let reference = reference(kind, object);
    let entries = each(object, "/metadata/managedFields");
    let by_hand = entries.filter(|entry| {
        let manager = text(entry, "/manager");
        let controls = CONTROLLERS.iter().any(|prefix| manager.starts_with(prefix));
        !manager.is_empty() && !controls && text(entry, "/subresource") != "status"
    });
    let told = by_hand.filter_map(|entry| {
        let at = time(entry, "/time")?;
        let manager = text(entry, "/manager");
        let by = if manager == OURSELVES { "Paramedic itself" } else { manager };
        let mut fields = Vec::new();
        leaves("", &entry["fieldsV1"], &mut fields);
        let more = fields.len().saturating_sub(MOST_FIELDS);
        fields.truncate(MOST_FIELDS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let what = match fields.is_empty() {
            true => format!("changed by {by}"),
            false => format!("changed by {by}: {}{more}", fields.join(", ")),
        };
        Some(Moment {
            at,
            telling: Telling::Turn,
            object: reference.to_string(),
            quote: Quote {
                source: Source::Kubernetes,
                query: path(&reference),
                excerpt: format!("managedFields: {what} at {at}"),
                value: None,
            },
            what,
        })
    });
    told.collect()
}

/// The fields that a manager owns, as people write them: `spec.replicas`.
fn leaves(path: &str, fields: &Value, out: &mut Vec<String>) {
    let children: Vec<(&String, &Value)> = fields.as_object().into_iter().flatten().filter(|(key, _)| *key != ".").collect();
    if children.is_empty() {
        if !path.is_empty() {
            out.push(path.to_owned());
        }
        return;
    }
    for (key, child) in children {
        let name = match key.split_once(':') {
            Some(("f", name)) => name.to_owned(),
            Some(("k", key)) => format!("[{}]", key.trim_matches(['{', '}']).replace('"', "")),
            _ => continue,
        };
        let dot = if path.is_empty() || name.starts_with('[') { "" } else { "." };
        leaves(&format!("{path}{dot}{name}"), child, out);
    }
}
