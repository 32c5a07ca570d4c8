//! The workloads around the alerts: which of them are alerted about, and which depend on which by their environment.

mod graph;

use std::collections::BTreeSet;

use paramedic_domain::{id::EvidenceId, object::ObjectRef};

use super::facts::Workload;

pub(crate) use graph::calls;
pub use graph::{Listing, Listings, config_maps, members, mentioned_namespaces, named_services};

/// Everything known about the neighbourhood of the alerts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estate {
    /// Workloads that alerts name, and those that they depend on.
    pub members: Vec<Member>,
    /// Jobs that run now.
    pub jobs: Vec<RunningJob>,
    /// What databases say about themselves.
    pub databases: Vec<Database>,
    /// Shares of failing requests of the alerted workloads, by namespace.
    pub errors: Vec<(String, Figure)>,
}

/// One workload of the neighbourhood.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The workload.
    pub workload: Workload,
    /// Names of the alerts that are about it.
    pub alerts: BTreeSet<String>,
    /// Workloads behind the services that its environment names.
    pub calls: Vec<ObjectRef>,
    /// Its environment, as far as it is no secret.
    pub settings: Vec<Setting>,
    /// Its pods that are not ready, with their evidence.
    pub unready: Vec<(String, EvidenceId)>,
    /// What its logs complain about most.
    pub complaints: Vec<Complaint>,
    /// How many times the load of an hour before it serves now.
    pub load: Option<Figure>,
    /// A figure of its own that says it is not whole: `redis_cluster_state` and the like.
    pub state: Option<Figure>,
}

/// One environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name of the variable.
    pub name: String,
    /// Its value.
    pub value: String,
    /// ConfigMap and key that it is read from.
    pub source: Option<(String, String)>,
}

/// Log lines of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Complaint {
    /// The newest line.
    pub latest: String,
    /// How many were read.
    pub count: usize,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A number that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The query, to be asked again.
    pub query: String,
    /// The value.
    pub value: f64,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A Job with active pods.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningJob {
    /// Reference with UID.
    pub object: ObjectRef,
    /// The CronJob that started it.
    pub cron_job: Option<String>,
    /// Whether that CronJob is suspended.
    pub cron_suspended: bool,
    /// The label `team`.
    pub team: Option<String>,
    /// Workloads behind the services that its environment names.
    pub calls: Vec<ObjectRef>,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// What the exporter of a database server says, by namespace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Database {
    /// Namespace of the series.
    pub namespace: String,
    /// Connections that the server takes from clients: all of them less the reserved ones.
    pub takes: Option<Figure>,
    /// Connections by `application_name`.
    pub clients: Vec<(String, Figure)>,
    /// Deadlocks per second by `datname`.
    pub deadlocks: Vec<(String, Figure)>,
    /// Age of the longest transaction in seconds by `application_name`.
    pub transactions: Vec<(String, Figure)>,
}

impl Estate {
    /// The member that is this object.
    #[must_use]
    pub fn member(&self, object: &ObjectRef) -> Option<&Member> {
        self.members.iter().find(|member| member.workload.object.same_object(object))
    }

    /// Members that alerts are about.
    pub fn alerted(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.alerts.is_empty())
    }

    /// Members that call this object themselves.
    pub fn callers<'a>(&'a self, object: &'a ObjectRef) -> impl Iterator<Item = &'a Member> {
        self.members
            .iter()
            .filter(|member| member.calls.iter().any(|called| called.same_object(object)))
    }

    /// Whether `from` calls `to`, itself or through others.
    #[must_use]
    pub fn depends(&self, from: &Member, to: &ObjectRef) -> bool {
        let mut seen: Vec<&ObjectRef> = Vec::new();
        let mut open: Vec<&Member> = vec![from];
        while let Some(member) = open.pop() {
            for called in &member.calls {
                if called.same_object(to) {
                    return true;
                }
                if !seen.iter().any(|known| known.same_object(called)) {
                    seen.push(called);
                    open.extend(self.member(called));
                }
            }
        }
        false
    }
}
