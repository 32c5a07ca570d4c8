//! What was fetched for an action.

use std::collections::BTreeMap;

use paramedic_domain::{incident::Incident, object::ObjectRef};
use serde_json::Value;

use crate::{
    action::Refused,
    helm::Release,
    systems::{RepositoryFile, Systems},
};

/// Something to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// An object.
    Object(ObjectRef),
    /// Every object of a kind; stays unknown when it may not be listed or the server has no such kind.
    Kind(Kind),
    /// The names of every object of a kind, never what is in them; unknown as above.
    Names(Kind),
    /// Objects of a name, wherever they are.
    Named(Lookup),
    /// A file on the base branch of a configured repository.
    File {
        /// Name of the repository.
        repository: String,
        /// Path in it.
        path: String,
    },
    /// An object that a step kept as an artifact, by the artifact's name, and the object as it is now.
    Recorded(String),
    /// The records of a Helm release, and the objects of the manifests of its present revision and the one to go back to.
    Release {
        /// Namespace of the release.
        namespace: String,
        /// Its name.
        name: String,
        /// The revision to go back to; `None`: the one before.
        revision: Option<u64>,
    },
    /// The ReplicaSets that this Deployment controls.
    ReplicaSets(ObjectRef),
    /// The workload above this pod.
    Owner(ObjectRef),
    /// The pods that this workload selects.
    Pods(ObjectRef),
    /// The pods on this node, and the workloads above them.
    PodsOn(ObjectRef),
    /// Every node.
    Nodes,
    /// What the pods of every node ask for, to see what is left.
    Room,
    /// Whether the server has this resource or subresource, for instance `pods/resize` of `v1`.
    Served {
        /// `v1`, `snapshot.storage.k8s.io/v1`, ...
        api_version: &'static str,
        /// Plural name, with the subresource if one is meant.
        resource: &'static str,
    },
    /// How many connections a database takes, by what its exporter tells Prometheus.
    Connections {
        /// Where the database is looked for first.
        namespace: String,
    },
}

/// A search by name: the objects of the first kind that has any of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// `apiVersion` and kind, the likeliest first.
    pub kinds: &'static [(&'static str, &'static str)],
    /// Where; `None`: everywhere.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

/// Objects of one kind, in one namespace if they live in namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// `apps/v1`, ...
    pub api_version: &'static str,
    /// `Deployment`, ...
    pub kind: &'static str,
    /// `None`: all of the cluster.
    pub namespace: Option<String>,
}

impl Kind {
    /// Objects of a namespace.
    #[must_use]
    pub fn within(api_version: &'static str, kind: &'static str, namespace: &str) -> Self {
        Self {
            api_version,
            kind,
            namespace: Some(namespace.to_owned()),
        }
    }

    /// Objects of the cluster.
    #[must_use]
    pub fn everywhere(api_version: &'static str, kind: &'static str) -> Self {
        Self {
            api_version,
            kind,
            namespace: None,
        }
    }

    /// Whether whoever knows all of these knows all of the other kind.
    fn covers(&self, other: &Self) -> bool {
        (self.api_version, self.kind) == (other.api_version, other.kind) && (self.namespace.is_none() || self.namespace == other.namespace)
    }

    fn holds(&self, object: &ObjectRef) -> bool {
        object.kind == self.kind
            && object.api_version == self.api_version
            && (self.namespace.is_none() || self.namespace == object.namespace)
    }
}

/// The fetched objects; copies already carry what earlier steps will leave behind.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// By reference (without UID).
    pub objects: Vec<(ObjectRef, Value)>,
    /// What was found by name.
    pub named: Vec<(Lookup, Vec<(ObjectRef, Value)>)>,
    /// Objects that steps kept, by the name of the artifact; or why one cannot be had.
    pub recorded: Vec<(String, Result<Value, String>)>,
    /// Helm releases that were asked about.
    pub releases: Vec<HelmRelease>,
    /// Files of repositories.
    pub files: Vec<RepositoryFile>,
    /// The incident that the steps are for, when that is known.
    pub incident: Option<Incident>,
    /// What there is outside of the cluster.
    pub systems: Systems,
    /// Kinds of which `objects` holds every one.
    pub kinds: Vec<Kind>,
    /// Names by kind.
    pub names: Vec<(Kind, Vec<String>)>,
    /// ReplicaSets of the Deployments that were asked for.
    pub replica_sets: Vec<Value>,
    /// Workloads above pods.
    pub owners: Vec<(ObjectRef, ObjectRef)>,
    /// Pods of workloads and nodes; the pods themselves are among `objects`.
    pub pods: Vec<(ObjectRef, Vec<ObjectRef>)>,
    /// Nodes; empty when they may not be listed.
    pub nodes: Vec<Value>,
    /// What pods ask for, by name of their node; `None` when they may not be listed.
    pub asked: Option<BTreeMap<String, Asked>>,
    /// `apiVersion resource` of what the server has, of what was asked about.
    pub served: Vec<String>,
    /// Connections that a database takes, by the namespace that was asked about.
    pub connections: Vec<(String, Connections)>,
}

/// A Helm release.
#[derive(Debug, Clone)]
pub struct HelmRelease {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its records, or why they cannot be had.
    pub records: Result<Vec<Release>, String>,
}

/// What the pods of a node ask for together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// CPU, in thousandths of a core.
    pub cpu: i128,
    /// Memory, in thousandths of a byte.
    pub memory: i128,
    /// Number of pods.
    pub pods: i128,
}

/// What is known of the connections a database takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connections {
    /// So many, of which some are kept for administrators.
    Known {
        /// `max_connections`.
        most: i64,
        /// `superuser_reserved_connections`.
        reserved: i64,
    },
    /// It could not be found out; says why.
    Unknown(String),
}

impl World {
    /// A fetched object.
    ///
    /// # Errors
    /// When the cluster does not have it.
    pub fn object(&self, wanted: &ObjectRef) -> Result<&Value, Refused> {
        match self.objects.iter().find(|(object, _)| object.same_object(wanted)) {
            Some((_, value)) => Ok(value),
            None => Err(Refused::because(format!("{wanted} does not exist in the cluster"))),
        }
    }

    /// An object as a step kept it.
    ///
    /// # Errors
    /// When there is no such artifact, or it is not what the log says.
    pub fn recorded(&self, artifact: &str) -> Result<&Value, Refused> {
        let blame = |why: &str| Refused::parameter("/artifact", format!("{artifact:?} {why}"));
        match self.recorded.iter().find(|(known, _)| known == artifact) {
            Some((_, Ok(object))) => Ok(object),
            Some((_, Err(why))) => Err(blame(why)),
            None => Err(blame("was not fetched")),
        }
    }

    /// Every object of a kind; `None` when that is not known.
    #[must_use]
    pub fn all(&self, kind: &Kind) -> Option<Vec<(&ObjectRef, &Value)>> {
        self.kinds.iter().any(|known| known.covers(kind)).then(|| {
            self.objects
                .iter()
                .filter(|(object, _)| kind.holds(object))
                .map(|(object, value)| (object, value))
                .collect()
        })
    }

    /// The names of every object of a kind; `None` when they are not known.
    #[must_use]
    pub fn names(&self, kind: &Kind) -> Option<&[String]> {
        self.names
            .iter()
            .find(|(known, _)| known == kind)
            .map(|(_, names)| names.as_slice())
    }

    /// The workload above a pod.
    #[must_use]
    pub fn owner(&self, pod: &ObjectRef) -> Option<&ObjectRef> {
        self.owners.iter().find(|(owned, _)| owned.same_object(pod)).map(|(_, owner)| owner)
    }

    /// The pods of a workload or node that was asked for, sorted by name.
    #[must_use]
    pub fn pods_of(&self, of: &ObjectRef) -> Vec<(&ObjectRef, &Value)> {
        let known = self.pods.iter().find(|(whose, _)| whose.same_object(of));
        let mut found: Vec<(&ObjectRef, &Value)> = known
            .into_iter()
            .flat_map(|(_, pods)| pods)
            .filter_map(|pod| Some((pod, self.object(pod).ok()?)))
            .collect();
        found.sort_by(|one, other| one.0.cmp(other.0));
        found
    }

    /// Whether the server has that resource.
    #[must_use]
    pub fn serves(&self, api_version: &str, resource: &str) -> bool {
        self.served.iter().any(|known| *known == served(api_version, resource))
    }
}

/// How `World::served` writes a resource.
#[must_use]
pub fn served(api_version: &str, resource: &str) -> String {
    format!("{api_version} {resource}")
}

/// The reference with the UID of the fetched object.
#[must_use]
pub fn with_uid(reference: &ObjectRef, object: &Value) -> ObjectRef {
    ObjectRef {
        uid: object.pointer("/metadata/uid").and_then(Value::as_str).map(Into::into),
        ..reference.clone()
    }
}
