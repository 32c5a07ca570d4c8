//! Series of the cluster's state, as kube-state-metrics exports them: noted whenever an object changes.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::series::{Labels, Series};
use crate::{
    store::{Gvr, Store},
    world::{control::deployment::revision, obj, quantity},
};

/// Values over time as steps; `None` ends a series.
#[derive(Debug, Default)]
pub(crate) struct StateSeries {
    steps: BTreeMap<Labels, Vec<(f64, Option<f64>)>>,
    seen: u64,
}

/// Series found in one look at the store, with the creation time of the object.
type Found = BTreeMap<Labels, (f64, f64)>;

impl StateSeries {
    /// Notes what changed since the last look. Objects seen at the first look count as unchanged since their creation, at most
    /// `retention` ago.
    pub(crate) fn record(&mut self, store: &Store, now: Timestamp, retention: Duration) {
        let version = store.resource_version();
        if self.seen == version {
            return;
        }
        let first = self.seen == 0;
        self.seen = version;
        let found = look(store);
        let now = obj::secs(now);
        let oldest = now - retention.as_secs_f64();
        for (labels, (created, value)) in &found {
            let steps = self.steps.entry(labels.clone()).or_default();
            if steps.last().is_none_or(|(_, last)| *last != Some(*value)) {
                let since = if first { created.max(oldest).min(now) } else { now };
                steps.push((since, Some(*value)));
            }
        }
        for (labels, steps) in &mut self.steps {
            if !found.contains_key(labels) && steps.last().is_some_and(|(_, last)| last.is_some()) {
                steps.push((now, None));
            }
        }
    }

    /// The value of one series at `t`.
    pub(crate) fn value(&self, labels: &Labels, t: f64) -> Option<f64> {
        let steps = self.steps.get(labels)?;
        let next = steps.partition_point(|(from, _)| *from <= t);
        next.checked_sub(1).and_then(|i| steps[i].1)
    }

    pub(crate) fn series<'a>(&'a self, wanted: &dyn Fn(&str) -> bool, out: &mut Vec<Series<'a>>) {
        for (labels, steps) in &self.steps {
            if wanted(labels.get("__name__")) {
                out.push(Series::new(labels.clone(), move |t| {
                    let next = steps.partition_point(|(from, _)| *from <= t);
                    next.checked_sub(1).and_then(|i| steps[i].1)
                }));
            }
        }
    }
}

fn look(store: &Store) -> Found {
    let mut found = Found::new();
    let mut each = |gvr: Gvr, look: &dyn Fn(&Value, &mut Put<'_>)| {
        for object in store.list_shared(&gvr, None).0 {
            let created = obj::time(&object, "/metadata/creationTimestamp").map_or(0.0, obj::secs);
            let mut put = Put {
                found: &mut found,
                created,
            };
            look(&object, &mut put);
        }
    };
    each(Gvr::deployments(), &deployment);
    each(Gvr::replica_sets(), &replica_set);
    each(Gvr::stateful_sets(), &stateful_set);
    each(Gvr::horizontal_pod_autoscalers(), &autoscaler);
    each(Gvr::pod_disruption_budgets(), &budget);
    each(Gvr::nodes(), &node);
    each(Gvr::resource_quotas(), &quota);
    each(Gvr::services(), &service);
    each(Gvr::pods(), &pod);
    each(Gvr::persistent_volume_claims(), &claim);
    each(Gvr::jobs(), &job);
    each(Gvr::daemon_sets(), &daemon_set);
    found
}

/// Collects the series of one object.
struct Put<'a> {
    found: &'a mut Found,
    created: f64,
}

impl Put<'_> {
    fn put(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels = Labels::new(name, labels).with("job", "kube-state-metrics");
        self.found.insert(labels, (self.created, value));
    }

    /// A count that objects leave out when it is zero.
    fn count(&mut self, name: &str, labels: &[(&str, &str)], object: &Value, pointer: &str) {
        self.put(name, labels, obj::int(object, pointer).unwrap_or(0) as f64);
    }

    fn conditions(&mut self, name: &str, labels: &[(&str, &str)], object: &Value) {
        for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
            let actual = obj::text(condition, "/status");
            for status in ["True", "False", "Unknown"] {
                let mut labels = labels.to_vec();
                let lower = status.to_lowercase();
                labels.extend([("condition", obj::text(condition, "/type")), ("status", lower.as_str())]);
                self.put(name, &labels, f64::from(u8::from(actual == status)));
            }
        }
    }
}

fn deployment(object: &Value, put: &mut Put<'_>) {
    let labels = [("namespace", obj::namespace(object)), ("deployment", obj::name(object))];
    put.put("kube_deployment_created", &labels, put.created);
    put.count("kube_deployment_spec_replicas", &labels, object, "/spec/replicas");
    put.count("kube_deployment_metadata_generation", &labels, object, "/metadata/generation");
    for (name, pointer) in [
        ("observed_generation", "observedGeneration"),
        ("replicas", "replicas"),
        ("replicas_ready", "readyReplicas"),
        ("replicas_available", "availableReplicas"),
        ("replicas_unavailable", "unavailableReplicas"),
        ("replicas_updated", "updatedReplicas"),
    ] {
        put.count(
            &format!("kube_deployment_status_{name}"),
            &labels,
            object,
            &format!("/status/{pointer}"),
        );
    }
    put.put(
        "kube_deployment_spec_paused",
        &labels,
        f64::from(u8::from(object["spec"]["paused"] == true)),
    );
    put.conditions("kube_deployment_status_condition", &labels, object);
}

fn replica_set(object: &Value, put: &mut Put<'_>) {
    let labels = [("namespace", obj::namespace(object)), ("replicaset", obj::name(object))];
    put.put("kube_replicaset_created", &labels, put.created);
    put.count("kube_replicaset_spec_replicas", &labels, object, "/spec/replicas");
    put.count("kube_replicaset_status_replicas", &labels, object, "/status/replicas");
    put.count("kube_replicaset_status_ready_replicas", &labels, object, "/status/readyReplicas");
    if let Some((kind, name, _)) = obj::controller(object) {
        let number = revision(object).to_string();
        let owner = [
            labels[0],
            labels[1],
            ("owner_kind", kind),
            ("owner_name", name),
            ("owner_is_controller", "true"),
        ];
        put.put("kube_replicaset_owner", &owner, 1.0);
        put.put(
            "kube_replicaset_annotations",
            &[labels[0], labels[1], ("annotation_deployment_kubernetes_io_revision", &number)],
            1.0,
        );
    }
}

fn stateful_set(object: &Value, put: &mut Put<'_>) {
    let labels = [("namespace", obj::namespace(object)), ("statefulset", obj::name(object))];
    put.put("kube_statefulset_created", &labels, put.created);
    put.count("kube_statefulset_replicas", &labels, object, "/spec/replicas");
    put.count("kube_statefulset_metadata_generation", &labels, object, "/metadata/generation");
    for (name, pointer) in [
        ("observed_generation", "observedGeneration"),
        ("replicas", "replicas"),
        ("replicas_ready", "readyReplicas"),
        ("replicas_available", "availableReplicas"),
        ("replicas_current", "currentReplicas"),
        ("replicas_updated", "updatedReplicas"),
    ] {
        put.count(
            &format!("kube_statefulset_status_{name}"),
            &labels,
            object,
            &format!("/status/{pointer}"),
        );
    }
}

fn autoscaler(object: &Value, put: &mut Put<'_>) {
    let labels = [
        ("namespace", obj::namespace(object)),
        ("horizontalpodautoscaler", obj::name(object)),
    ];
    put.count(
        "kube_horizontalpodautoscaler_spec_min_replicas",
        &labels,
        object,
        "/spec/minReplicas",
    );
    put.count(
        "kube_horizontalpodautoscaler_spec_max_replicas",
        &labels,
        object,
        "/spec/maxReplicas",
    );
    put.count(
        "kube_horizontalpodautoscaler_status_current_replicas",
        &labels,
        object,
        "/status/currentReplicas",
    );
    put.count(
        "kube_horizontalpodautoscaler_status_desired_replicas",
        &labels,
        object,
        "/status/desiredReplicas",
    );
    put.conditions("kube_horizontalpodautoscaler_status_condition", &labels, object);
}

fn budget(object: &Value, put: &mut Put<'_>) {
    let labels = [("namespace", obj::namespace(object)), ("poddisruptionbudget", obj::name(object))];
    for (name, pointer) in [
        ("current_healthy", "currentHealthy"),
        ("desired_healthy", "desiredHealthy"),
        ("expected_pods", "expectedPods"),
        ("pod_disruptions_allowed", "disruptionsAllowed"),
    ] {
        put.count(
            &format!("kube_poddisruptionbudget_status_{name}"),
            &labels,
            object,
            &format!("/status/{pointer}"),
        );
    }
}

fn node(object: &Value, put: &mut Put<'_>) {
    let labels = [("node", obj::name(object))];
    put.put(
        "kube_node_info",
        &[labels[0], ("kubelet_version", obj::text(object, "/status/nodeInfo/kubeletVersion"))],
        1.0,
    );
    put.put("kube_node_created", &labels, put.created);
    put.put(
        "kube_node_spec_unschedulable",
        &labels,
        f64::from(u8::from(object["spec"]["unschedulable"] == true)),
    );
    put.conditions("kube_node_status_condition", &labels, object);
    for part in ["capacity", "allocatable"] {
        for (resource, unit) in [
            ("cpu", "core"),
            ("memory", "byte"),
            ("pods", "integer"),
            ("ephemeral-storage", "byte"),
        ] {
            if let Some(value) = quantity::of(&object["status"][part][resource]) {
                let resource = resource.replace('-', "_");
                put.put(
                    &format!("kube_node_status_{part}"),
                    &[labels[0], ("resource", &resource), ("unit", unit)],
                    value,
                );
            }
        }
    }
}

fn quota(object: &Value, put: &mut Put<'_>) {
    for part in ["hard", "used"] {
        for (resource, amount) in object["status"][part].as_object().into_iter().flatten() {
            let labels = [
                ("namespace", obj::namespace(object)),
                ("resourcequota", obj::name(object)),
                ("resource", resource.as_str()),
                ("type", part),
            ];
            put.put("kube_resourcequota", &labels, quantity::of(amount).unwrap_or(0.0));
        }
    }
}

fn service(object: &Value, put: &mut Put<'_>) {
    let labels = [
        ("namespace", obj::namespace(object)),
        ("service", obj::name(object)),
        ("cluster_ip", obj::text(object, "/spec/clusterIP")),
    ];
    put.put("kube_service_info", &labels, 1.0);
}

fn claim(object: &Value, put: &mut Put<'_>) {
    let labels = [("namespace", obj::namespace(object)), ("persistentvolumeclaim", obj::name(object))];
    let phase = obj::text(object, "/status/phase");
    put.put(
        "kube_persistentvolumeclaim_status_phase",
        &[labels[0], labels[1], ("phase", phase)],
        1.0,
    );
    for (name, pointer) in [
        ("resource_requests_storage_bytes", "/spec/resources/requests/storage"),
        ("status_capacity_bytes", "/status/capacity/storage"),
    ] {
        if let Some(value) = object.pointer(pointer).and_then(quantity::of) {
            put.put(&format!("kube_persistentvolumeclaim_{name}"), &labels, value);
        }
    }
}

fn job(object: &Value, put: &mut Put<'_>) {
    let labels = [("namespace", obj::namespace(object)), ("job_name", obj::name(object))];
    for part in ["active", "succeeded", "failed"] {
        put.count(&format!("kube_job_status_{part}"), &labels, object, &format!("/status/{part}"));
    }
    for (metric, condition) in [("kube_job_complete", "Complete"), ("kube_job_failed", "Failed")] {
        if obj::is_true(object, condition) {
            put.put(metric, &[labels[0], labels[1], ("condition", "true")], 1.0);
        }
    }
}

fn daemon_set(object: &Value, put: &mut Put<'_>) {
    let labels = [("namespace", obj::namespace(object)), ("daemonset", obj::name(object))];
    for (name, pointer) in [
        ("desired_number_scheduled", "desiredNumberScheduled"),
        ("current_number_scheduled", "currentNumberScheduled"),
        ("number_ready", "numberReady"),
        ("number_available", "numberAvailable"),
        ("number_unavailable", "numberUnavailable"),
        ("updated_number_scheduled", "updatedNumberScheduled"),
    ] {
        put.count(
            &format!("kube_daemonset_status_{name}"),
            &labels,
            object,
            &format!("/status/{pointer}"),
        );
    }
}

/// What of a pod does not follow from its containers' history.
fn pod(object: &Value, put: &mut Put<'_>) {
    let labels = [
        ("namespace", obj::namespace(object)),
        ("pod", obj::name(object)),
        ("uid", obj::uid(object)),
    ];
    if obj::condition(object, "PodScheduled").is_some() {
        put.put(
            "kube_pod_status_scheduled",
            &[labels[0], labels[1], labels[2], ("condition", "true")],
            f64::from(u8::from(obj::is_true(object, "PodScheduled"))),
        );
    }
    if obj::condition(object, "PodScheduled").is_some_and(|c| c["status"] == "False") {
        put.put("kube_pod_status_unschedulable", &labels, 1.0);
        put.put(
            "kube_pod_status_phase",
            &[labels[0], labels[1], labels[2], ("phase", "Pending")],
            1.0,
        );
    }
    if obj::deleting(object) {
        let at = obj::time(object, "/metadata/deletionTimestamp").map_or(0.0, obj::secs);
        put.put("kube_pod_deletion_timestamp", &labels, at);
    }
}
