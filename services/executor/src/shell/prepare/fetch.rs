//! Fetches what actions need to see, each object once.

use paramedic_catalogue::{Need, World, context::context};
use paramedic_domain::{object::ObjectRef, risk::Context};
use serde_json::Value;

use super::{Cluster, Trouble};

/// Owners above a pod: a ReplicaSet, then its Deployment; nothing in Kubernetes is deeper.
const MAX_OWNERS: usize = 3;

/// Everything fetched for one request.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) world: World,
    /// Namespace objects and budgets, for the risk.
    surroundings: Vec<(String, Option<Value>, Vec<Value>)>,
    nodes: bool,
}

impl Fetched {
    pub(super) async fn add(&mut self, cluster: &Cluster, needs: &[Need]) -> Result<(), Trouble> {
        for need in needs {
            match need {
                Need::Object(target) => self.object(cluster, target).await?,
                Need::ReplicaSets(deployment) => {
                    let sets = cluster.list("apps/v1", "ReplicaSet", deployment.namespace.as_deref(), &[]).await?;
                    self.world.replica_sets.extend(sets);
                }
                Need::Owner(pod) => self.owner(cluster, pod).await?,
                Need::Nodes if self.nodes => {}
                Need::Nodes => {
                    self.nodes = true;
                    // A namespaced role may not list nodes; then their size is not checked here.
                    self.world.nodes = optional(cluster.list("v1", "Node", None, &[]).await)?.unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    async fn object(&mut self, cluster: &Cluster, target: &ObjectRef) -> Result<(), Trouble> {
        if self.world.object(target).is_ok() {
            return Ok(());
        }
        match cluster.get(target).await {
            Ok(object) => self.world.objects.push((target.clone(), object)),
            // The draft says so with the name in it.
            Err(Trouble::Missing(_)) => {}
            Err(trouble) => return Err(trouble),
        }
        Ok(())
    }

    async fn owner(&mut self, cluster: &Cluster, pod: &ObjectRef) -> Result<(), Trouble> {
        let mut owned = self.world.object(pod).ok().cloned();
        let mut owner = None;
        for _ in 0..MAX_OWNERS {
            let Some(next) = owned.as_ref().and_then(|object| controller(object, pod.namespace.as_deref())) else {
                break;
            };
            owned = optional(cluster.get(&next).await)?;
            owner = Some(next);
        }
        if let Some(owner) = owner {
            self.world.owners.push((pod.clone(), owner));
        }
        Ok(())
    }

    /// The surroundings of an object, for its risk.
    pub(super) async fn context(&mut self, cluster: &Cluster, target: &ObjectRef, template: bool) -> Result<Option<Context>, Trouble> {
        self.object(cluster, target).await?;
        let Ok(object) = self.world.object(target).cloned() else {
            return Ok(None);
        };
        let Some(namespace) = target.namespace.clone() else {
            return Ok(Some(context(&object, None, &[], template)));
        };
        if !self.surroundings.iter().any(|(known, ..)| *known == namespace) {
            let about = optional(cluster.get(&ObjectRef::new("v1", "Namespace", None, &namespace)).await)?;
            let budgets = optional(cluster.list("policy/v1", "PodDisruptionBudget", Some(&namespace), &[]).await)?;
            self.surroundings.push((namespace.clone(), about, budgets.unwrap_or_default()));
        }
        let found = self.surroundings.iter().find(|(known, ..)| *known == namespace);
        let (about, budgets) = found.map_or((None, &[][..]), |(_, about, budgets)| (about.as_ref(), budgets.as_slice()));
        Ok(Some(context(&object, about, budgets, template)))
    }
}

/// What may be missing or forbidden without harm.
fn optional<T>(answer: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Trouble::Missing(_) | Trouble::Forbidden { .. }) => Ok(None),
        Err(trouble @ (Trouble::Transient { .. } | Trouble::Unfit { .. })) => Err(trouble),
    }
}

fn controller(object: &Value, namespace: Option<&str>) -> Option<ObjectRef> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners
        .iter()
        .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    let text = |name: &str| owner.get(name).and_then(Value::as_str);
    let mut reference = ObjectRef::new(text("apiVersion")?, text("kind")?, namespace, text("name")?);
    reference.uid = text("uid").map(Into::into);
    Some(reference)
}
