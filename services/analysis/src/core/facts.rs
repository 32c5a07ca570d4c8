//! What the probes found out, typed. Every fact names the evidence it was read from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paramedic_domain::{
    alert::Alert,
    evidence::{Evidence, Source},
    id::EvidenceId,
    object::ObjectRef,
};

use super::{
    estate::Estate,
    families::{self, Family},
    logs::Pattern,
    onset::Onset,
    subjects::World,
    timeline::Moment,
    traces::Traced,
};

/// Everything an engine may look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// When the facts were gathered.
    pub at: Timestamp,
    /// The incident's alerts: what somebody claims, never proof.
    pub alerts: Vec<Alert>,
    /// Fingerprints of those that Prometheus itself shows as firing.
    pub firing: BTreeSet<String>,
    /// The workload that the alerts lead to.
    pub workload: Option<Workload>,
    /// Its pods.
    pub pods: Vec<Pod>,
    /// Its revisions, newest first.
    pub revisions: Vec<Revision>,
    /// The autoscaler that scales it.
    pub hpa: Option<Hpa>,
    /// The budget that protects it.
    pub budget: Option<Budget>,
    /// Memory quotas of its namespace.
    pub quotas: Vec<Quota>,
    /// Room in the cluster.
    pub nodes: Option<Nodes>,
    /// Working set of its container, by pod.
    pub memory: Vec<Series>,
    /// Requests per second of the workload.
    pub requests: Option<Series>,
    /// Share of failed requests, 0 to 1.
    pub errors: Option<Series>,
    /// 99th percentile of its response times, seconds.
    pub latency: Option<Series>,
    /// The workloads around the alerts.
    pub estate: Estate,
    /// Everything that rules look at.
    pub world: World,
    /// Clustered log lines of its pods.
    pub logs: Vec<Pattern>,
    /// When its signals left their usual levels.
    pub onsets: Vec<Onset>,
    /// What stands out in traces.
    pub traced: Traced,
    /// What telemetry knows to have happened, for the time line; objects tell the rest themselves.
    pub moments: Vec<Moment>,
    /// Evidence for all of it.
    pub evidence: Vec<Evidence>,
    /// The metrics that count requests where the incident is.
    pub counted: &'static Family,
    /// Sources that could not be asked, with the reason.
    pub missing: Vec<String>,
}

/// The workload as the API server has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Reference with UID.
    pub object: ObjectRef,
    /// The container that matters: the alert's, else the one named like the workload, else the first.
    pub container: String,
    /// Labels of the workload.
    pub labels: BTreeMap<String, String>,
    /// Wanted replicas.
    pub desired: u32,
    /// Ready replicas.
    pub ready: u32,
    /// Memory limit of the container, bytes.
    pub limit: Option<f64>,
    /// Memory request of the container, bytes.
    pub request: Option<f64>,
    /// Whether the container is started with arguments of its own.
    pub has_args: bool,
    /// Mount paths whose content is lost with the pod.
    pub scratch: Vec<String>,
    /// The metrics that count its requests.
    pub counted: &'static Family,
    /// Extra replicas that a rollout may run at once.
    pub surge: u32,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// One pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// Name.
    pub name: String,
    /// Name of the ReplicaSet or ControllerRevision that it was made from, else of its controller.
    pub revision: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Ready condition.
    pub ready: bool,
    /// Its containers that have a status.
    pub containers: Vec<Container>,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A container's status.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// Name.
    pub name: String,
    /// Restarts.
    pub restarts: u32,
    /// Why it waits, if it does: reason and message.
    pub waiting: Option<(String, String)>,
    /// How its previous (or, when it is not running, its only) run ended.
    pub ended: Option<Ended>,
}

/// The end of a container's run.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// `OOMKilled`, `Error`, ...
    pub reason: String,
    /// Exit code.
    pub exit_code: i32,
    /// When.
    pub at: Option<Timestamp>,
}

impl Ended {
    /// Whether the kernel killed it for its memory: the reason and the code must both say so.
    #[must_use]
    pub fn oom_killed(&self) -> bool {
        self.reason == "OOMKilled" && self.exit_code == 137
    }
}

/// One revision of the template.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Number.
    pub number: u64,
    /// Its ReplicaSet or ControllerRevision.
    pub name: String,
    /// When it was first rolled out.
    pub created: Timestamp,
    /// Replicas it has.
    pub replicas: u32,
    /// Replicas of it that are ready.
    pub ready: u32,
    /// What it changed against the revision before it: `spec.containers[0].image: a -> b`.
    pub changes: Vec<String>,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// The autoscaler.
#[derive(Debug, Clone, PartialEq)]
pub struct Hpa {
    /// Name.
    pub name: String,
    /// Least replicas.
    pub min: u32,
    /// Greatest replicas.
    pub max: u32,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A PodDisruptionBudget.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Name.
    pub name: String,
    /// Pods it lets go now.
    pub allowed: u32,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// The memory part of a ResourceQuota.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    /// Name.
    pub name: String,
    /// `limits.memory`, bytes: hard and used.
    pub limits: Option<(f64, f64)>,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// Memory of the nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Nodes {
    /// Allocatable bytes of every node that takes pods.
    pub allocatable: Vec<f64>,
    /// Memory requests of all other workloads' pods, bytes.
    pub others: f64,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A measured series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The pod (or workload) it belongs to.
    pub of: String,
    /// Unix seconds and value, oldest first.
    pub points: Vec<(f64, f64)>,
    /// The evidence.
    pub evidence: EvidenceId,
}

impl Facts {
    /// No facts yet.
    #[must_use]
    pub fn new(at: Timestamp, alerts: Vec<Alert>) -> Self {
        Self {
            at,
            alerts,
            firing: BTreeSet::new(),
            workload: None,
            pods: Vec::new(),
            revisions: Vec::new(),
            counted: families::usual(),
            hpa: None,
            budget: None,
            quotas: Vec::new(),
            nodes: None,
            memory: Vec::new(),
            requests: None,
            errors: None,
            latency: None,
            estate: Estate::default(),
            world: World::default(),
            logs: Vec::new(),
            onsets: Vec::new(),
            traced: Traced::default(),
            moments: Vec::new(),
            evidence: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The id that the next piece of evidence will have.
    #[must_use]
    pub fn next_id(&self) -> EvidenceId {
        next_id(&self.evidence)
    }

    /// Files a piece of evidence and returns its id: `ev-01`, `ev-02`, ... in the order of asking.
    pub fn cite(&mut self, source: Source, query: impl Into<String>, excerpt: impl Into<String>, value: Option<(f64, &str)>) -> EvidenceId {
        file(&mut self.evidence, self.at, source, query.into(), &excerpt.into(), value)
    }

    /// The containers of all pods that are the workload's main one.
    pub fn main_containers(&self) -> impl Iterator<Item = (&Pod, &Container)> {
        let name = self.workload.as_ref().map_or("", |workload| workload.container.as_str());
        self.pods.iter().flat_map(move |pod| {
            pod.containers
                .iter()
                .filter(move |container| container.name == name)
                .map(move |container| (pod, container))
        })
    }

    /// Containers whose last run was ended by the kernel for its memory.
    pub fn oom_killed(&self) -> impl Iterator<Item = (&Pod, &Container, &Ended)> {
        self.main_containers()
            .filter_map(|(pod, container)| Some((pod, container, container.ended.as_ref().filter(|ended| ended.oom_killed())?)))
    }

    /// Whether an alert's words speak of memory.
    #[must_use]
    pub fn alert_claims_oom(&self) -> bool {
        self.alerts.iter().any(|alert| {
            let texts = std::iter::once(alert.name()).chain(alert.annotations.values().map(String::as_str));
            texts.map(str::to_lowercase).any(|text| {
                let speaks = |word: &str| word.starts_with("oom");
                text.split(|c: char| !c.is_alphanumeric()).any(speaks) || text.contains("out of memory") || text.contains("memory limit")
            })
        })
    }
}

fn next_id(evidence: &[Evidence]) -> EvidenceId {
    format!("ev-{:02}", evidence.len() + 1)
        .parse()
        .expect("letters, a hyphen and digits are a valid id")
}

/// Files a piece of evidence, with secrets taken out of it, and returns its id.
pub(super) fn file(
    evidence: &mut Vec<Evidence>,
    at: Timestamp,
    source: Source,
    query: String,
    excerpt: &str,
    value: Option<(f64, &str)>,
) -> EvidenceId {
    let id = next_id(evidence);
    evidence.push(Evidence {
        id: id.clone(),
        source,
        query,
        observed_at: at,
        excerpt: super::redact::redact(excerpt),
        value: value.map(|(value, _)| value),
        unit: value.map_or_else(String::new, |(_, unit)| unit.to_owned()),
    });
    id
}
