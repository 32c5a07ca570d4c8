//! ITBench's ground truths (v1) of site-reliability scenarios.
//!
//! They say which alerts fire about what and how trouble spreads, but not when. So every step of the propagation gets the same small
//! delay, and every alert its rule's usual `for` on top.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::Path,
};

use jiff::SignedDuration;
use paramedic_correlation::topology::{Edge, Entity, Relation, Rule, Topology};
use serde::Deserialize;

use super::{Conversion, ConvertError, Converted, posts, truths};
use crate::{
    alertmanager::time,
    format::{FormatError, Incident, Storm, Truth},
    rules,
};

/// From one step of a propagation to the next.
const STEP: SignedDuration = SignedDuration::from_secs(20);
/// `for` of rules that are not among ours, in seconds.
const USUAL_FOR: u32 = 120;
/// The rest of a pod's name after its workload's.
const POD: &str = "5d8f7c9b64-x2k4q";
/// Kinds that are one thing to whoever mends it.
const WORKLOAD: [&str; 4] = ["Service", "Deployment", "ReplicaSet", "Pod"];

#[derive(Deserialize)]
struct File {
    #[serde(flatten)]
    bare: Option<Spec>,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    alerts: Vec<Alert>,
    groups: Vec<Group>,
    #[serde(default)]
    propagations: Vec<Propagation>,
    #[serde(default)]
    aliases: Vec<Vec<String>>,
    #[serde(default)]
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
struct Alert {
    id: String,
    group_id: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    kind: String,
    namespace: Option<String>,
    name: Option<String>,
    #[serde(default)]
    filter: Vec<String>,
    #[serde(default)]
    root_cause: bool,
}

#[derive(Deserialize)]
struct Propagation {
    source: String,
    target: String,
}

#[derive(Deserialize)]
struct Fault {
    category: Option<String>,
    fault_mechanism: Option<String>,
}

/// Converts every `*/groundtruth_v1.yaml` below a folder.
///
/// # Errors
/// When there is none, or one is of another form.
pub fn itbench(folder: &Path) -> Result<Conversion, ConvertError> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder).map_err(FormatError::io("list", folder))? {
        let entry = entry.map_err(FormatError::io("list", folder))?;
        if entry.path().join("groundtruth_v1.yaml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    if names.is_empty() {
        return Err(ConvertError::content(
            folder,
            "no folder in it has a groundtruth_v1.yaml: name the folder that holds the scenarios",
        ));
    }
    names.sort();
    let (mut storms, mut skipped) = (Vec::new(), Vec::new());
    for name in names {
        let path = folder.join(&name).join("groundtruth_v1.yaml");
        let text = fs::read_to_string(&path).map_err(FormatError::io("read", &path))?;
        let file: File = serde_yaml_ng::from_str(&text).map_err(|error| ConvertError::content(&path, error))?;
        let spec = file
            .spec
            .or(file.bare)
            .ok_or_else(|| ConvertError::content(&path, "it has no groups: it is no ground truth of version 1"))?;
        match storm(&spec) {
            Some(storm) => storms.push((name, storm)),
            None => skipped.push(format!("{name}: no group is marked as the root cause")),
        }
    }
    Ok(Conversion { storms, skipped })
}

fn storm(spec: &Spec) -> Option<Storm> {
    let roots: Vec<&Group> = spec.groups.iter().filter(|group| group.root_cause).collect();
    let root = *roots.first()?;
    let steps = steps(spec, &roots);
    let last = steps.values().copied().max().unwrap_or(0);
    let onset = time(0);
    let mut alerts: BTreeMap<BTreeMap<String, String>, Converted> = BTreeMap::new();
    for alert in &spec.alerts {
        let group = alert.group_id.as_deref().and_then(|id| spec.group(id));
        let step = group.map_or(last + 1, |group| steps.get(group.id.as_str()).copied().unwrap_or(last + 1));
        let labels = labels(alert, group.or(spec.groups.first()), group.is_some());
        let converted = Converted {
            starts_at: onset + STEP * step + SignedDuration::from_secs(for_seconds(&alert.id).into()),
            summary: format!("{} fires", alert.id),
            labels: labels.clone(),
        };
        alerts.entry(labels).or_insert(converted);
    }
    let alerts: Vec<Converted> = alerts.into_values().collect();
    let fault = spec.fault.first();
    let incident = Incident {
        id: "incident-1".into(),
        fault: fault
            .and_then(|fault| fault.fault_mechanism.clone())
            .unwrap_or_else(|| "unknown".into()),
        category: fault.and_then(|fault| fault.category.clone()).unwrap_or_else(|| "unknown".into()),
        root: root.entity(),
        aliases: aliases(spec, &roots),
        onset,
        affected: spec.groups.iter().filter(|group| !group.root_cause).map(Group::entity).collect(),
    };
    Some(Storm {
        posts: posts(alerts.clone()),
        topology: topology(spec, &alerts),
        windows: Vec::new(),
        truth: Truth {
            set: "itbench".into(),
            seed: None,
            services: spec.groups.iter().filter(|group| group.kind == "Service").count(),
            alerts: truths(&alerts, Some(&incident.id)),
            incidents: vec![incident],
        },
    })
}

/// Steps from a root to each group that it reaches.
fn steps<'a>(spec: &'a Spec, roots: &[&'a Group]) -> BTreeMap<&'a str, i32> {
    let mut steps: BTreeMap<&str, i32> = roots.iter().map(|root| (root.id.as_str(), 0)).collect();
    let mut queue: VecDeque<&str> = steps.keys().copied().collect();
    while let Some(source) = queue.pop_front() {
        let next = steps[source] + 1;
        for propagation in spec.propagations.iter().filter(|propagation| propagation.source == source) {
            if let Some(target) = spec.group(&propagation.target)
                && !steps.contains_key(target.id.as_str())
            {
                steps.insert(&target.id, next);
                queue.push_back(&target.id);
            }
        }
    }
    steps
}

fn for_seconds(alert: &str) -> u32 {
    rules::all()
        .find(|rule| rule.name == alert)
        .map_or(USUAL_FOR, |rule| rule.for_seconds)
}

fn labels(alert: &Alert, group: Option<&Group>, about: bool) -> BTreeMap<String, String> {
    let severity = rules::all()
        .find(|rule| rule.name == alert.id)
        .map_or("warning", |rule| rule.severity);
    let mut labels = super::labels([("alertname", &alert.id), ("severity", severity)]);
    let Some(group) = group else { return labels };
    if let Some(namespace) = &group.namespace {
        labels.insert("namespace".into(), namespace.clone());
    }
    if about {
        let entity = group.entity();
        let label = match entity.kind.as_str() {
            "Service" => "service",
            "Pod" => "pod",
            "Node" => "node",
            "Deployment" => "deployment",
            "ReplicaSet" => "replicaset",
            "PersistentVolumeClaim" => "persistentvolumeclaim",
            "HorizontalPodAutoscaler" => "horizontalpodautoscaler",
            _ => return labels,
        };
        labels.insert(label.into(), entity.name);
    }
    labels
}

/// What the truth itself holds for the same, and the other names of a workload.
fn aliases(spec: &Spec, roots: &[&Group]) -> Vec<Entity> {
    let mut aliases: BTreeSet<Entity> = roots.iter().skip(1).map(|group| group.entity()).collect();
    for root in roots {
        for ids in spec.aliases.iter().filter(|ids| ids.contains(&root.id)) {
            aliases.extend(ids.iter().filter_map(|id| spec.group(id)).map(Group::entity));
        }
        if WORKLOAD.contains(&root.kind.as_str()) {
            aliases.extend(["Service", "Deployment", "Pod"].map(|kind| root.as_kind(kind)));
        }
    }
    aliases.remove(&roots[0].entity());
    aliases.into_iter().collect()
}

/// The truth's propagations as what depends on what: there is nothing else that tells it.
fn topology(spec: &Spec, alerts: &[Converted]) -> Topology {
    let mut edges = BTreeSet::new();
    for group in spec.groups.iter().filter(|group| WORKLOAD.contains(&group.kind.as_str())) {
        let [service, deployment, pod] = ["Service", "Deployment", "Pod"].map(|kind| group.as_kind(kind));
        edges.insert(Edge {
            from: service,
            to: deployment.clone(),
            relation: Relation::Selects,
        });
        edges.insert(Edge {
            from: deployment,
            to: pod,
            relation: Relation::Owns,
        });
    }
    for propagation in &spec.propagations {
        let (Some(source), Some(target)) = (spec.group(&propagation.source), spec.group(&propagation.target)) else {
            continue;
        };
        let workloads = [source, target].map(|group| WORKLOAD.contains(&group.kind.as_str()));
        let edge = match workloads {
            [true, true] if source.stem() == target.stem() => continue,
            [true, true] => Edge {
                from: target.as_kind("Deployment"),
                to: source.as_kind("Service"),
                relation: Relation::Calls,
            },
            [false, true] => Edge {
                from: target.as_kind("Deployment"),
                to: source.entity(),
                relation: Relation::Uses,
            },
            [_, false] => Edge {
                from: target.entity(),
                to: source.entity(),
                relation: Relation::Uses,
            },
        };
        edges.insert(edge);
    }
    let edges: Vec<Edge> = edges.into_iter().collect();
    let named: BTreeSet<Entity> = edges
        .iter()
        .flat_map(|edge| [edge.from.clone(), edge.to.clone()])
        .chain(spec.groups.iter().map(Group::entity))
        .collect();
    let rules: BTreeSet<&String> = alerts.iter().filter_map(|alert| alert.labels.get("alertname")).collect();
    Topology {
        entities: named.into_iter().collect(),
        edges,
        rules: rules
            .into_iter()
            .map(|alert| Rule {
                for_seconds: for_seconds(alert),
                alert: alert.clone(),
            })
            .collect(),
    }
}

impl Spec {
    /// By id; some references leave out the number at the end.
    fn group(&self, id: &str) -> Option<&Group> {
        let numbered = format!("{id}-1");
        self.groups
            .iter()
            .find(|group| group.id == id)
            .or_else(|| self.groups.iter().find(|group| group.id == numbered))
    }
}

impl Group {
    /// The name without what makes a pattern of it.
    fn stem(&self) -> &str {
        let name = self.name.as_deref().or(self.filter.first().map(String::as_str)).unwrap_or(&self.id);
        let name = name.trim_start_matches('^').trim_end_matches('$');
        ["\\b", "-.*", ".*"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
    }

    fn entity(&self) -> Entity {
        self.as_kind(&self.kind)
    }

    fn as_kind(&self, kind: &str) -> Entity {
        // A name with a slash would be read as two.
        let stem = self.stem().replace('/', "_");
        let name = if kind == "Pod" { format!("{stem}-{POD}") } else { stem };
        match &self.namespace {
            Some(namespace) => Entity::in_namespace(kind, namespace, &name),
            None => Entity::of_cluster(kind, &name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn onset_after(storm: &Storm, alert: &str) -> SignedDuration {
        let all = storm.posts.iter().flat_map(|post| &post.webhook.alerts);
        let starts: jiff::Timestamp = all
            .filter(|found| found.labels["alertname"] == alert)
            .map(|found| found.starts_at)
            .min()
            .unwrap();
        starts.duration_since(time(0)) - SignedDuration::from_secs(for_seconds(alert).into())
    }

    #[test]
    fn a_truth_becomes_a_storm_in_the_order_of_its_propagations() {
        let spec: Spec = serde_yaml_ng::from_str(
            r"
groups:
  - {id: quota-1, kind: ResourceQuota, namespace: shop, name: compute, root_cause: true}
  - {id: cart-pod-1, kind: Pod, namespace: shop, filter: ['cart-.*']}
  - {id: cart-service-1, kind: Service, namespace: shop, filter: ['cart\b']}
  - {id: web-service-1, kind: Service, namespace: shop, filter: ['web\b']}
alerts:
  - {id: KubePodNotReady, group_id: cart-pod-1}
  - {id: HighRequestErrorRate, group_id: web-service}
  - {id: HighKafkaConsumerLag}
propagations:
  - {source: quota-1, target: cart-pod-1}
  - {source: cart-pod-1, target: cart-service-1}
  - {source: cart-service-1, target: web-service-1}
",
        )
        .unwrap();
        let storm = storm(&spec).unwrap();
        assert_eq!(storm.truth.incidents[0].root.to_string(), "ResourceQuota/shop/compute");
        assert_eq!(onset_after(&storm, "KubePodNotReady"), STEP);
        assert_eq!(onset_after(&storm, "HighRequestErrorRate"), STEP * 3);
        assert_eq!(
            onset_after(&storm, "HighKafkaConsumerLag"),
            STEP * 4,
            "what nothing leads to comes last"
        );
        let edges: Vec<String> = storm
            .topology
            .edges
            .iter()
            .map(|edge| format!("{} {:?} {}", edge.from, edge.relation, edge.to))
            .collect();
        for edge in [
            "Deployment/shop/cart Uses ResourceQuota/shop/compute",
            "Deployment/shop/web Calls Service/shop/cart",
            "Service/shop/cart Selects Deployment/shop/cart",
            "Deployment/shop/cart Owns Pod/shop/cart-5d8f7c9b64-x2k4q",
        ] {
            assert!(edges.iter().any(|found| found == edge), "{edge} is not in {edges:?}");
        }
    }
}
