//! Fetches what actions need to see, each object once.

use std::collections::BTreeMap;

use paramedic_catalogue::{
    Action, Need, Params, Refused, World,
    actions::{placed, unplaced, violation},
    context::context,
    prepare::reference,
    room::asked,
    world::{Kind, Lookup, served},
};
use paramedic_domain::{object::ObjectRef, risk::Context};
use paramedic_runtime::Kit;
use serde_json::Value;

use super::{Cluster, Trouble, connections::connections, recorded::recorded};
use crate::shell::{calls::Outside, kubernetes::ended};

/// Owners above a pod: a ReplicaSet, then its Deployment; nothing in Kubernetes is deeper.
const MAX_OWNERS: usize = 3;

/// Everything fetched for one request.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) world: World,
    /// Namespace objects and budgets, for the risk.
    surroundings: Vec<(String, Option<Value>, Vec<Value>)>,
    nodes: bool,
    /// Repository and path of files, fetched together.
    wanted_files: Vec<(String, String)>,
    room: bool,
}

impl Fetched {
    pub(super) async fn add(&mut self, cluster: &Cluster, kit: &Kit, needs: &[Need]) -> Result<(), Trouble> {
        for need in needs {
            match need {
                Need::Object(target) => self.object(cluster, target).await?,
                Need::Kind(kind) => self.kind(cluster, kind).await?,
                Need::Names(kind) => self.names(cluster, kind).await?,
                Need::Named(wanted) => self.named(cluster, wanted).await?,
                Need::File { repository, path } => self.wanted_files.push((repository.clone(), path.clone())),
                Need::Recorded(artifact) => self.recorded(cluster, kit, artifact).await?,
                Need::Release { namespace, name, revision } => self.release(cluster, (namespace, name), *revision).await?,
                Need::ReplicaSets(deployment) => {
                    let sets = cluster.list("apps/v1", "ReplicaSet", deployment.namespace.as_deref(), &[]).await?;
                    self.world.replica_sets.extend(sets);
                }
                Need::Owner(pod) => self.owner(cluster, pod).await?,
                Need::Pods(workload) => self.pods(cluster, workload).await?,
                Need::PodsOn(node) => self.pods_on(cluster, node).await?,
                Need::Nodes => self.nodes(cluster).await?,
                Need::Room => self.room(cluster).await?,
                Need::Served { api_version, resource } => {
                    let known = served(api_version, resource);
                    if !self.world.served.contains(&known) && cluster.serves(api_version, resource).await? {
                        self.world.served.push(known);
                    }
                }
                Need::Connections { namespace } => {
                    if !self.world.connections.iter().any(|(known, _)| known == namespace) {
                        let found = connections(kit, namespace).await;
                        self.world.connections.push((namespace.clone(), found));
                    }
                }
            }
        }
        Ok(())
    }

    /// Fetches the files that were asked for, with one clone of each repository.
    pub(super) async fn files(&mut self, outside: &Outside) {
        let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (repository, path) in self.wanted_files.drain(..) {
            let known = paths.entry(repository).or_default();
            if !known.contains(&path) {
                known.push(path);
            }
        }
        for (repository, paths) in &paths {
            self.world.files.extend(outside.files(repository, paths).await);
        }
    }

    /// An object that a step kept, and the object as it is now.
    async fn recorded(&mut self, cluster: &Cluster, kit: &Kit, artifact: &str) -> Result<(), Trouble> {
        if self.world.recorded.iter().any(|(known, _)| known == artifact) {
            return Ok(());
        }
        let kept = recorded(kit, artifact).await?;
        if let Some(target) = kept.as_ref().ok().and_then(reference) {
            optional(self.object(cluster, &target).await)?;
        }
        self.world.recorded.push((artifact.to_owned(), kept));
        Ok(())
    }

    pub(super) async fn object(&mut self, cluster: &Cluster, target: &ObjectRef) -> Result<(), Trouble> {
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

    async fn kind(&mut self, cluster: &Cluster, kind: &Kind) -> Result<(), Trouble> {
        if self.world.kinds.contains(kind) {
            return Ok(());
        }
        let listed = optional(cluster.list(kind.api_version, kind.kind, kind.namespace.as_deref(), &[]).await)?;
        if let Some(objects) = listed {
            self.keep(kind.api_version, kind.kind, objects);
            self.world.kinds.push(kind.clone());
        }
        Ok(())
    }

    /// Adds objects of a list, which do not say their kind; those that are known already stay as they are. Answers which.
    fn keep(&mut self, api_version: &str, kind: &str, objects: Vec<Value>) -> Vec<ObjectRef> {
        let mut kept = Vec::with_capacity(objects.len());
        for mut object in objects {
            let text = |path: &str| object.pointer(path).and_then(Value::as_str);
            let Some(name) = text("/metadata/name") else { continue };
            let reference = ObjectRef::new(api_version, kind, text("/metadata/namespace"), name);
            if let Some(fields) = object.as_object_mut() {
                fields.insert("apiVersion".into(), api_version.into());
                fields.insert("kind".into(), kind.into());
            }
            if self.world.object(&reference).is_err() {
                self.world.objects.push((reference.clone(), object));
            }
            kept.push(reference);
        }
        kept
    }

    async fn names(&mut self, cluster: &Cluster, kind: &Kind) -> Result<(), Trouble> {
        if self.world.names(kind).is_none()
            && let Some(names) = optional(cluster.names(kind.api_version, kind.kind, kind.namespace.as_deref()).await)?
        {
            self.world.names.push((kind.clone(), names));
        }
        Ok(())
    }

    /// The objects of the first kind that has any of that name.
    async fn named(&mut self, cluster: &Cluster, wanted: &Lookup) -> Result<(), Trouble> {
        if self.world.named.iter().any(|(known, _)| known == wanted) {
            return Ok(());
        }
        let mut found = Vec::new();
        let field = format!("metadata.name={}", wanted.name);
        for (api_version, kind) in wanted.kinds {
            let selector = [("fieldSelector", field.as_str())];
            let listed = cluster.list(api_version, kind, wanted.namespace.as_deref(), &selector).await;
            let kept = self.keep(api_version, kind, optional(listed)?.unwrap_or_default());
            found.extend(
                kept.into_iter()
                    .filter_map(|reference| Some((reference.clone(), self.world.object(&reference).ok()?.clone()))),
            );
            if !found.is_empty() {
                break;
            }
        }
        self.world.named.push((wanted.clone(), found));
        Ok(())
    }

    async fn owner(&mut self, cluster: &Cluster, pod: &ObjectRef) -> Result<(), Trouble> {
        let mut owned = self.world.object(pod).ok().cloned();
        let mut owner = None;
        for _ in 0..MAX_OWNERS {
            let Some(next) = owned.as_ref().and_then(|object| controller(object, pod.namespace.as_deref())) else {
                break;
            };
            // A mirror pod belongs to its node, and an operator's own kind may be out of our sight: then this is the top.
            let place = ObjectRef { uid: None, ..next.clone() };
            optional(self.object(cluster, &place).await)?;
            owned = self.world.object(&place).ok().cloned();
            owner = Some(next);
        }
        if let Some(owner) = owner {
            self.world.owners.push((pod.clone(), owner));
        }
        Ok(())
    }

    async fn pods(&mut self, cluster: &Cluster, workload: &ObjectRef) -> Result<(), Trouble> {
        self.object(cluster, workload).await?;
        let Ok(object) = self.world.object(workload).cloned() else {
            return Ok(());
        };
        let mut pods = cluster.pods_of(&object, workload.namespace.as_deref().unwrap_or_default()).await?;
        pods.retain(|pod| !ended(pod));
        let kept = self.keep("v1", "Pod", pods);
        self.world.pods.push((workload.clone(), kept));
        Ok(())
    }

    async fn pods_on(&mut self, cluster: &Cluster, node: &ObjectRef) -> Result<(), Trouble> {
        let field = format!("spec.nodeName={}", node.name);
        let pods = cluster.list("v1", "Pod", None, &[("fieldSelector", &field)]).await?;
        let kept = self.keep("v1", "Pod", pods);
        for pod in &kept {
            self.owner(cluster, pod).await?;
        }
        self.world.pods.push((node.clone(), kept));
        Ok(())
    }

    async fn nodes(&mut self, cluster: &Cluster) -> Result<(), Trouble> {
        if !self.nodes {
            self.nodes = true;
            // A namespaced role may not list nodes; then their size is not checked here.
            self.world.nodes = optional(cluster.list("v1", "Node", None, &[]).await)?.unwrap_or_default();
        }
        Ok(())
    }

    async fn room(&mut self, cluster: &Cluster) -> Result<(), Trouble> {
        if !self.room {
            self.room = true;
            self.nodes(cluster).await?;
            let running = [("fieldSelector", "status.phase!=Succeeded,status.phase!=Failed")];
            let pods = optional(cluster.list("v1", "Pod", None, &running).await)?;
            self.world.asked = pods.map(|pods| asked(&pods));
        }
        Ok(())
    }

    /// The parameters with the namespace of the object they name, if they leave it out.
    pub(super) async fn placed(
        &mut self,
        cluster: &Cluster,
        action: &dyn Action,
        params: Params,
    ) -> Result<Result<Params, Refused>, Trouble> {
        let Some(wanted) = unplaced(action, &params) else {
            return Ok(Ok(params));
        };
        self.named(cluster, &wanted).await?;
        Ok(
            placed(&self.world, &wanted, &params).and_then(|params| match violation(action, &params) {
                None => Ok(params),
                Some(refused) => Err(refused),
            }),
        )
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
