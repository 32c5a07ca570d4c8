//! `restart_pod` and `rolling_restart`: one pod deleted (its controller replaces it), or every pod replaced in turn.

use paramedic_domain::{change::Confirm, object::ObjectRef};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{template, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused, Request},
    patch::Edit,
    world::{Need, World, with_uid},
};

/// The annotation that `kubectl rollout restart` sets, too: people know it.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

pub(super) const POD: BuiltIn = BuiltIn {
    name: "restart_pod",
    aliases: &["delete_pod", "restart_pods"],
    about: About {
        description: "deletes one pod so that its controller replaces it, or restarts all pods of a workload in turn",
        risk: "medium: pods are replaced; high with a single replica or a budget that allows no disruption",
        undo: "nothing to undo for a deleted pod, its controller replaced it; the restart annotation is taken back",
        dry_run: "server-side dry run of the patch or deletion",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 90,
    schema: schema_of::<Restart>,
    needs,
    draft,
};

pub(super) const ROLLING: BuiltIn = BuiltIn {
    name: "rolling_restart",
    aliases: &[
        "rolling_restart_pods",
        "restart_deployment",
        "restart_statefulset",
        "restart_daemonset",
        "rollout_restart",
    ],
    about: About {
        description: "restarts all pods of a workload in turn, as its own update strategy allows",
        risk: "medium: pods are replaced; high with a single replica or a budget that allows no disruption",
        undo: "nothing to undo for a deleted pod, its controller replaced it; the restart annotation is taken back",
        dry_run: "server-side dry run of the patch or deletion",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 90,
    schema: schema_of::<Restart>,
    needs,
    draft,
};

/// One pod, or one workload.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Restart {
    /// Namespace.
    namespace: String,
    /// Name of one pod.
    pod: Option<String>,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Name of a DaemonSet.
    daemonset: Option<String>,
    /// How all pods are restarted. The workload's own update strategy decides how many at a time.
    strategy: Option<Strategy>,
    /// Whether to wait until every pod is ready; always done.
    #[serde(rename = "waitForReady", alias = "wait_for_ready")]
    wait_for_ready: Option<bool>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Strategy {
    Rolling,
    OneAtATime,
    Delete,
}

impl Restart {
    fn pod(&self) -> Option<ObjectRef> {
        let name = self.pod.as_ref()?;
        Some(ObjectRef::new("v1", "Pod", Some(&self.namespace), name))
    }

    fn workload(&self) -> Result<ObjectRef, Refused> {
        workload(
            &self.namespace,
            self.deployment.as_ref(),
            self.statefulset.as_ref(),
            self.daemonset.as_ref(),
        )
    }

    fn rolls(&self) -> bool {
        self.pod.is_none() || matches!(self.strategy, Some(Strategy::Rolling | Strategy::OneAtATime))
    }

    fn check(&self) -> Result<(), Refused> {
        if self.wait_for_ready == Some(false) {
            return refuse("parameters.waitForReady: a restart always waits until the pods are ready");
        }
        if self.pod.is_none() && self.strategy == Some(Strategy::Delete) {
            return refuse("parameters.strategy: deleting needs the name of one pod; all pods of a workload are restarted in turn");
        }
        Ok(())
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Restart = parse(params)?;
    params.check()?;
    match params.pod() {
        Some(pod) if !params.rolls() => Ok(vec![Need::Object(pod.clone()), Need::Owner(pod)]),
        _ => Ok(vec![Need::Object(params.workload()?)]),
    }
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Restart = parse(params)?;
    params.check()?;
    match params.pod() {
        Some(pod) if !params.rolls() => {
            let object = world.object(&pod)?;
            let Some(owner) = world.owner(&pod) else {
                return refuse(format!("{pod} has no controller: nothing would bring it back"));
            };
            Ok(Request::Delete {
                target: with_uid(&pod, object),
                owner: Some(owner.clone()),
                restore: false,
            }
            .into())
        }
        _ => rolling(&params, world, moment),
    }
}

fn rolling(params: &Restart, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let target = params.workload()?;
    let object = world.object(&target)?;
    if object.pointer("/spec/paused").and_then(serde_json::Value::as_bool) == Some(true) {
        return refuse(format!("{target} is paused: a restart would never begin"));
    }
    if object.pointer("/spec/updateStrategy/type").and_then(serde_json::Value::as_str) == Some("OnDelete") {
        return refuse(format!(
            "{target} has the update strategy OnDelete: a changed template restarts nothing"
        ));
    }
    let restarted_at = moment.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let edits = vec![Edit::set(template().join(["metadata", "annotations", RESTARTED_AT]), restarted_at)];
    let draft = Draft::from(ObjectEdit::template(with_uid(&target, object), edits, Confirm::RolledOut));
    Ok(match params.strategy {
        Some(Strategy::OneAtATime) => draft.note(format!(
            "{target}: how many pods restart at a time is its own update strategy's to say"
        )),
        Some(Strategy::Rolling | Strategy::Delete) | None => draft,
    })
}
