//! Numbers of Prometheus that rules may ask for, by the labels they are about.

use std::collections::BTreeMap;

use paramedic_domain::evidence::Source;

use serde_json::Value;

use super::{
    families::Family,
    read::{amount, each, text},
    snapshot::Snapshot,
    subjects::Quote,
};

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measures(pub Vec<Measure>);

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// What was measured: see [`questions`].
    pub name: &'static str,
    /// What it is about.
    pub labels: BTreeMap<String, String>,
    /// The number.
    pub value: f64,
    /// Who gave it: Prometheus, or the API server.
    pub source: Source,
    /// The query that gave it.
    pub query: String,
}

/// A question to Prometheus; `{namespaces}` stands for a pattern of the namespaces in scope.
struct Query {
    /// Its name.
    name: &'static str,
    /// PromQL.
    promql: &'static str,
}

/// Every question with one metric name wherever it is asked; requests have [families](super::families) of them.
const QUERIES: [Query; 16] = [
    Query {
        name: "throttled",
        promql: "sum by (namespace, pod, container) (increase(container_cpu_cfs_throttled_periods_total{namespace=~\"{namespaces}\"}[5m])) / sum by (namespace, pod, container) (increase(container_cpu_cfs_periods_total{namespace=~\"{namespaces}\"}[5m]))",
    },
    Query {
        name: "memory_share",
        promql: "max by (namespace, pod, container) (container_memory_working_set_bytes{namespace=~\"{namespaces}\",container!=\"\"}) / on (namespace, pod, container) max by (namespace, pod, container) (kube_pod_container_resource_limits{namespace=~\"{namespaces}\",resource=\"memory\"})",
    },
    Query {
        name: "volume_used",
        promql: "1 - kubelet_volume_stats_available_bytes{namespace=~\"{namespaces}\"} / kubelet_volume_stats_capacity_bytes{namespace=~\"{namespaces}\"}",
    },
    Query {
        name: "volume_free",
        promql: "kubelet_volume_stats_available_bytes{namespace=~\"{namespaces}\"}",
    },
    Query {
        name: "volume_growth",
        promql: "-deriv(kubelet_volume_stats_available_bytes{namespace=~\"{namespaces}\"}[30m])",
    },
    Query {
        name: "inodes_used",
        promql: "1 - kubelet_volume_stats_inodes_free{namespace=~\"{namespaces}\"} / kubelet_volume_stats_inodes{namespace=~\"{namespaces}\"}",
    },
    Query {
        name: "certificate_seconds",
        promql: "certmanager_certificate_expiration_timestamp_seconds{namespace=~\"{namespaces}\"} - time()",
    },
    Query {
        name: "connections",
        promql: "sum by (namespace, datname) (pg_stat_activity_count{namespace=~\"{namespaces}\"})",
    },
    Query {
        name: "connections_most",
        promql: "max by (namespace) (pg_settings_max_connections{namespace=~\"{namespaces}\"})",
    },
    Query {
        name: "node_disk_used",
        promql: "1 - node_filesystem_avail_bytes{mountpoint=\"/\"} / node_filesystem_size_bytes{mountpoint=\"/\"}",
    },
    Query {
        name: "etcd_fragmented",
        promql: "1 - etcd_mvcc_db_total_size_in_use_in_bytes / etcd_mvcc_db_total_size_in_bytes",
    },
    Query {
        name: "cpu_requested",
        promql: "sum(kube_pod_container_resource_requests{resource=\"cpu\"}) / sum(kube_node_status_allocatable{resource=\"cpu\"})",
    },
    Query {
        name: "memory_requested",
        promql: "sum(kube_pod_container_resource_requests{resource=\"memory\"}) / sum(kube_node_status_allocatable{resource=\"memory\"})",
    },
    Query {
        name: "cpu_promised",
        promql: "sum(kube_resourcequota{type=\"hard\",resource=~\"(requests.)?cpu\"}) / sum(kube_node_status_allocatable{resource=\"cpu\"})",
    },
    Query {
        name: "memory_promised",
        promql: "sum(kube_resourcequota{type=\"hard\",resource=~\"(requests.)?memory\"}) / sum(kube_node_status_allocatable{resource=\"memory\"})",
    },
    Query {
        name: "api_failed",
        promql: "sum(rate(apiserver_request_total{code=~\"5..\"}[5m])) / sum(rate(apiserver_request_total[5m]))",
    },
];

/// Every question about namespaces (a pattern), by name.
#[must_use]
pub fn questions(family: &Family, namespaces: &str) -> Vec<(&'static str, String)> {
    let fixed = QUERIES
        .iter()
        .map(|query| (query.name, query.promql.replace("{namespaces}", namespaces)));
    fixed.chain(family.questions(namespaces)).collect()
}

/// The share of its memory limit that each container uses, by the list of the metrics API at `path`.
#[must_use]
pub fn memory_shares(snapshot: &Snapshot, path: &str, list: &Value) -> Vec<Measure> {
    let of_pod = |used: &Value| {
        let (namespace, name) = (text(used, "/metadata/namespace"), text(used, "/metadata/name"));
        let pod = snapshot.named("Pod", namespace, name);
        let share = |container: &Value| {
            let named = |spec: &&Value| spec["name"] == container["name"];
            let limit = amount(each(pod?, "/spec/containers").find(named)?, "/resources/limits/memory")?;
            let labels = [("namespace", namespace), ("pod", name), ("container", text(container, "/name"))];
            Some(Measure {
                name: "memory_share",
                labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
                value: Some(amount(container, "/usage/memory")? / limit).filter(|share| share.is_finite())?,
                source: Source::Kubernetes,
                query: path.to_owned(),
            })
        };
        each(used, "/containers").filter_map(share).collect::<Vec<_>>()
    };
    each(list, "/items").flat_map(of_pod).collect()
}

impl Measures {
    /// What was measured of a container.
    #[must_use]
    pub fn of_container(&self, name: &str, (namespace, pod, container): (&str, &str, &str)) -> Option<&Measure> {
        self.find(name, &[("namespace", namespace), ("pod", pod), ("container", container)])
    }

    /// The first number of a name whose labels are these.
    #[must_use]
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<&Measure> {
        self.0.iter().find(|measure| measure.name == name && measure.has(labels))
    }

    /// The numbers of a name of a workload: those of its pods, or its own.
    pub fn of_workload<'a>(
        &'a self,
        name: &str,
        (namespace, workload): (&str, &str),
        pods: &[&Value],
    ) -> impl Iterator<Item = &'a Measure> {
        let of_pods = pods.iter().map(|pod| ("pod", text(pod, "/metadata/name")));
        let all = of_pods.chain([("workload", workload)]);
        all.filter_map(|one| self.find(name, &[("namespace", namespace), one]))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// All numbers of a name whose labels are these.
    pub fn all<'a>(&'a self, name: &'a str, labels: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = &'a Measure> {
        self.0.iter().filter(move |measure| measure.name == name && measure.has(labels))
    }
}

impl Measure {
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels
            .iter()
            .all(|(key, value)| self.labels.get(*key).is_some_and(|found| found == value))
    }

    /// It, as evidence.
    #[must_use]
    pub fn quote(&self) -> Quote {
        let about: Vec<&str> = self.labels.values().map(String::as_str).collect();
        Quote {
            source: self.source,
            query: self.query.clone(),
            excerpt: format!("{} of {}: {:.4}", self.name.replace('_', " "), about.join("/"), self.value),
            value: Some((self.value, self.name.replace('_', " "))),
        }
    }
}
