//! What was fetched for an action.

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use crate::action::Refused;

/// Something to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// An object.
    Object(ObjectRef),
    /// The ReplicaSets that this Deployment controls.
    ReplicaSets(ObjectRef),
    /// The workload above this pod.
    Owner(ObjectRef),
    /// Every node.
    Nodes,
}

/// The fetched objects; copies already carry what earlier steps will leave behind.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// By reference (without UID).
    pub objects: Vec<(ObjectRef, Value)>,
    /// ReplicaSets of the Deployments that were asked for.
    pub replica_sets: Vec<Value>,
    /// Workloads above pods.
    pub owners: Vec<(ObjectRef, ObjectRef)>,
    /// Nodes; empty when they may not be listed.
    pub nodes: Vec<Value>,
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

    /// The workload above a pod.
    #[must_use]
    pub fn owner(&self, pod: &ObjectRef) -> Option<&ObjectRef> {
        self.owners.iter().find(|(owned, _)| owned.same_object(pod)).map(|(_, owner)| owner)
    }
}

/// The reference with the UID of the fetched object.
#[must_use]
pub fn with_uid(reference: &ObjectRef, object: &Value) -> ObjectRef {
    ObjectRef {
        uid: object.pointer("/metadata/uid").and_then(Value::as_str).map(Into::into),
        ..reference.clone()
    }
}
