//! What is kept of an object: no more than the topology and the facts need.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_correlation::topology::Entity;

use super::selector::Selector;
use crate::core::facts::{NamespaceFacts, WorkloadFacts};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What is kept of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The object.
    pub entity: Entity,
    /// Its controller.
    pub owner: Option<Entity>,
    /// What its labels say of it.
    pub facts: WorkloadFacts,
    /// What it calls, as its people declared it by annotation.
    pub declared: Vec<String>,
    /// What is kept of its kind.
    pub detail: Detail,
}

/// What is kept of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// That it exists.
    Plain,
    /// Namespace.
    Namespace(NamespaceFacts),
    /// Node.
    Node {
        /// Where it stands.
        zone: Option<String>,
        /// Its IP addresses.
        addresses: BTreeSet<String>,
    },
    /// Pod that has not ended.
    Pod {
        /// For selectors.
        labels: Labels,
        /// Where it runs.
        node: Option<String>,
        /// Its volumes; and all else that it needs, where its controller has no template.
        needs: Needs,
    },
    /// Deployment, StatefulSet, DaemonSet, Job, CronJob, Rollout.
    Workload {
        /// Labels of its pods.
        labels: Labels,
        /// What its pods need.
        needs: Needs,
    },
    /// Service.
    Service {
        /// The pods it leads to; `None` where somebody else keeps its endpoints.
        selector: Option<Selector>,
        /// The name that it stands for (type ExternalName).
        external: Option<String>,
    },
    /// EndpointSlice.
    Endpoints {
        /// Name of the Service.
        service: String,
        /// Names of pods.
        pods: BTreeSet<String>,
    },
    /// ConfigMap: by key, the hosts that it names.
    ConfigMap(BTreeMap<String, BTreeSet<String>>),
    /// PersistentVolumeClaim: its volume.
    Claim(Option<String>),
    /// HorizontalPodAutoscaler: its target.
    Autoscaler(Option<Entity>),
    /// PodDisruptionBudget: the pods it counts.
    Budget(Selector),
    /// NetworkPolicy: the pods it is about.
    Policy(Selector),
    /// Ingress and routes of the Gateway API.
    Route {
        /// Where it leads to.
        services: BTreeSet<Entity>,
        /// Certificates and gateways.
        uses: BTreeSet<Entity>,
    },
    /// Certificate: the Secret that it makes.
    Certificate(Option<Entity>),
}

/// What pods of one template need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// ConfigMaps.
    pub config_maps: BTreeMap<String, Part>,
    /// Names of Secrets.
    pub secrets: BTreeSet<String>,
    /// Names of PersistentVolumeClaims.
    pub claims: BTreeSet<String>,
    /// Hosts that environment and arguments name.
    pub hosts: BTreeSet<String>,
}

/// How much of a ConfigMap is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// These keys.
    Keys(BTreeSet<String>),
}

impl Part {
    /// Whether a key is read.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Keys(keys) => keys.contains(key),
        }
    }
}
