//! `restart_pod` and `rolling_restart`: one pod deleted (its controller replaces it), or every pod replaced in turn.

use jiff::Timestamp;
use paramedic_domain::{change::Confirm, object::ObjectRef};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Action, Draft, Kind, Need, Params, Refused, World, parse, refuse, schema_of,
    workload::{template, workload},
    world::with_uid,
};
use crate::core::patch::Edit;

/// The annotation that `kubectl rollout restart` sets, too: people know it.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

pub(super) const POD: Action = Action {
    name: "restart_pod",
    aliases: &["delete_pod", "restart_pods"],
    description: "deletes one pod so that its controller replaces it, or restarts all pods of a workload in turn",
    kind: Kind::Restart,
    timeout_seconds: 600,
    schema: schema_of::<Restart>,
    needs,
    draft,
};

pub(super) const ROLLING: Action = Action {
    name: "rolling_restart",
    aliases: &[
        "rolling_restart_pods",
        "restart_deployment",
        "restart_statefulset",
        "restart_daemonset",
        "rollout_restart",
    ],
    description: "restarts all pods of a workload in turn, as its own update strategy allows",
    kind: Kind::Restart,
    timeout_seconds: 600,
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

fn draft(params: &Params, world: &World, now: Timestamp) -> Result<Draft, Refused> {
    let params: Restart = parse(params)?;
    params.check()?;
    match params.pod() {
        Some(pod) if !params.rolls() => {
            let object = world.object(&pod)?;
            let Some(owner) = world.owner(&pod) else {
                return refuse(format!("{pod} has no controller: nothing would bring it back"));
            };
            Ok(Draft::Delete {
                target: with_uid(&pod, object),
                owner: Some(owner.clone()),
            })
        }
        _ => rolling(&params, world, now),
    }
}

fn rolling(params: &Restart, world: &World, now: Timestamp) -> Result<Draft, Refused> {
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
    let notes = if params.strategy == Some(Strategy::OneAtATime) {
        vec![format!(
            "{target}: how many pods restart at a time is its own update strategy's to say"
        )]
    } else {
        Vec::new()
    };
    Ok(Draft::Edits {
        edits: vec![Edit::set(
            template().join(["metadata", "annotations", RESTARTED_AT]),
            now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        )],
        target: with_uid(&target, object),
        template: true,
        confirm: Confirm::RolledOut,
        notes,
    })
}
