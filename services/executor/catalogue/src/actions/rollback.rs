//! `rollback_deployment`: the pod template of an earlier revision of a workload.

use paramedic_domain::{change::Confirm, object::ObjectRef};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{surroundings, template, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::Edit,
    references::{References, items},
    world::{self, Need, World, with_uid},
};

const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";
/// The label by which a ReplicaSet tells its pods from its sisters'; it is not part of the Deployment's template.
const HASH_LABEL: &str = "pod-template-hash";

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "rollback_deployment",
    aliases: &["rollback", "rollout_undo", "rollback_statefulset", "rollback_daemonset"],
    about: About {
        description: "puts the pod template of an earlier revision of a Deployment, StatefulSet or DaemonSet back; every pod is replaced",
        risk: "medium: every pod is replaced; high with a single replica or a budget that allows no disruption",
        undo: "the template that was replaced is put back",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 900,
    typical_seconds: 120,
    schema: schema_of::<RollbackDeployment>,
    needs,
    draft,
};

/// Which workload, to which revision.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RollbackDeployment {
    /// Namespace.
    namespace: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Name of a DaemonSet.
    daemonset: Option<String>,
    /// Revision to go back to; left out or 0: the one before the present one.
    #[serde(alias = "toRevision", alias = "to_revision")]
    revision: Option<u64>,
}

impl RollbackDeployment {
    fn target(&self) -> Result<ObjectRef, Refused> {
        workload(
            &self.namespace,
            self.deployment.as_ref(),
            self.statefulset.as_ref(),
            self.daemonset.as_ref(),
        )
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: RollbackDeployment = parse(params)?;
    let target = params.target()?;
    let mut needs = surroundings(&params.namespace);
    needs.push(Need::Object(target.clone()));
    needs.push(if target.kind == "Deployment" {
        Need::ReplicaSets(target)
    } else {
        Need::Kind(controller_revisions(&params.namespace))
    });
    needs.extend(named(&params.namespace).map(|(_, kind)| Need::Names(kind)));
    Ok(needs)
}

fn controller_revisions(namespace: &str) -> world::Kind {
    world::Kind::within("apps/v1", "ControllerRevision", namespace)
}

/// Number and template of every revision that is kept of a workload, the oldest first. Deployments keep them in ReplicaSets,
/// the others in ControllerRevisions.
fn revisions(world: &World, target: &ObjectRef, object: &Value) -> Vec<(u64, Value)> {
    let uid = object.pointer("/metadata/uid");
    let ours = |kept: &&Value| items(kept, "/metadata/ownerReferences").any(|owner| owner.get("uid") == uid && uid.is_some());
    let mut revisions: Vec<(u64, Value)> = if target.kind == "Deployment" {
        let kept = world.replica_sets.iter().filter(ours);
        kept.filter_map(|set| {
            let revision = set.pointer(REVISION)?.as_str()?.parse().ok()?;
            let mut template = set.pointer("/spec/template").cloned().unwrap_or(Value::Null);
            if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
                labels.remove(HASH_LABEL);
            }
            Some((revision, template))
        })
        .collect()
    } else {
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let kept = world.all(&controller_revisions(namespace)).unwrap_or_default();
        kept.into_iter()
            .map(|(_, kept)| kept)
            .filter(ours)
            .filter_map(|kept| {
                let revision = kept.get("revision")?.as_u64()?;
                let mut template = kept.pointer("/data/spec/template").cloned().unwrap_or(Value::Null);
                // A directive of the patch that the revision is kept as, not part of the template.
                if let Some(members) = template.as_object_mut() {
                    members.remove("$patch");
                }
                Some((revision, template))
            })
            .collect()
    };
    revisions.sort_by_key(|(revision, _)| *revision);
    revisions
}

/// Kinds that a template refers to, in a namespace.
fn named(namespace: &str) -> impl Iterator<Item = (References, world::Kind)> + use<'_> {
    References::ALL
        .into_iter()
        .map(move |references| (references, world::Kind::within("v1", references.kind(), namespace)))
}

/// What the old template refers to and the namespace does not have any more, and the kinds that may not be listed.
fn missing(template: &Value, world: &World, namespace: &str) -> (Vec<String>, Vec<&'static str>) {
    let (mut gone, mut unknown) = (Vec::new(), Vec::new());
    for (references, kind) in named(namespace) {
        let wanted = references.names(template);
        match world.names(&kind) {
            Some(there) => gone.extend(
                wanted
                    .iter()
                    .filter(|name| !there.iter().any(|known| known == *name))
                    .map(|name| format!("{} {name}", kind.kind)),
            ),
            None if wanted.is_empty() => {}
            None => unknown.push(kind.kind),
        }
    }
    (gone, unknown)
}

fn images(template: &Value) -> String {
    let images: Vec<&str> = items(template, "/spec/containers")
        .filter_map(|container| container.get("image")?.as_str())
        .collect();
    images.join(", ")
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: RollbackDeployment = parse(params)?;
    let target = params.target()?;
    let object = world.object(&target)?;
    let revisions = revisions(world, &target, object);
    let known: Vec<u64> = revisions.iter().map(|(revision, _)| *revision).collect();
    let found = match params.revision.filter(|revision| *revision > 0) {
        Some(wanted) => revisions.iter().find(|(revision, _)| *revision == wanted),
        None => revisions.len().checked_sub(2).and_then(|at| revisions.get(at)),
    };
    let Some((revision, restored)) = found else {
        return refuse(format!("{target} has no such earlier revision; those that are kept are {known:?}"));
    };
    if !restored.is_object() {
        return refuse(format!("revision {revision} of {target} has no template"));
    }
    if object.pointer("/spec/template") == Some(restored) {
        return refuse(format!("{target} already runs the template of revision {revision}"));
    }
    let (gone, unknown) = missing(restored, world, &params.namespace);
    if !gone.is_empty() {
        return Err(Refused::parameter(
            "/revision",
            format!(
                "revision {revision} of {target} refers to what does not exist any more: {}; its pods could not start",
                gone.join(", ")
            ),
        ));
    }
    let mut notes = vec![format!(
        "{target} goes back to the template of revision {revision}, which runs {}; whether the registry still has it is seen when the first pod starts",
        images(restored)
    )];
    if !unknown.is_empty() {
        notes.push(format!(
            "whether everything that revision {revision} of {target} refers to still exists could not be checked: {} may not be listed",
            unknown.join(", ")
        ));
    }
    if target.kind == "StatefulSet" && object.pointer("/spec/podManagementPolicy").and_then(Value::as_str) != Some("Parallel") {
        notes.push(format!(
            "a pod of {target} that never became ready holds the others back, whatever its template says: restart such pods, too (restart_statefulset, unhealthyOnly)"
        ));
    }
    let edits = vec![Edit::set(template(), restored.clone())];
    Ok(Draft::from(ObjectEdit::template(with_uid(&target, object), edits, Confirm::RolledOut)).notes(notes))
}
