//! `restart_pod` and `rolling_restart`: one pod deleted (its controller replaces it), or every pod replaced in turn.

use paramedic_domain::object::ObjectRef;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    BuiltIn,
    one_by_one::{deletions, going, in_turn, ready},
    parse, refuse, schema_of,
    workload::{restart, surroundings, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Request},
    world::{Need, World, with_uid},
};

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
    aliases: &["rolling_restart_pods", "restart_deployment", "restart_daemonset", "rollout_restart"],
    about: About {
        description: "restarts all pods of a workload in turn, as its own update strategy allows or one at a time",
        risk: "medium: pods are replaced; high with a single replica or a budget that allows no disruption",
        undo: "nothing to undo for a deleted pod, its controller replaced it; the restart annotation is taken back",
        dry_run: "server-side dry run of the patch or deletions",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 1800,
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
    /// How all pods are restarted: `rolling` as the workload's own update strategy says, `one-at-a-time` by deleting each
    /// pod only when all others are ready, `delete` for one named pod.
    strategy: Option<Strategy>,
    /// Whether to wait until every pod is ready; always done.
    #[serde(rename = "waitForReady", alias = "wait_for_ready")]
    wait_for_ready: Option<bool>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Strategy {
    Rolling,
    #[serde(alias = "one_at_a_time")]
    OneAtATime,
    Delete,
}

/// What the parameters mean.
enum Wish {
    One(ObjectRef),
    Template(ObjectRef),
    OneByOne(ObjectRef),
}

impl Restart {
    fn wish(&self) -> Result<Wish, Refused> {
        if self.wait_for_ready == Some(false) {
            return Err(Refused::parameter(
                "/waitForReady",
                "a restart always waits until the pods are ready",
            ));
        }
        let workload = || {
            workload(
                &self.namespace,
                self.deployment.as_ref(),
                self.statefulset.as_ref(),
                self.daemonset.as_ref(),
            )
        };
        match (&self.pod, self.strategy) {
            (Some(pod), None | Some(Strategy::Delete)) => Ok(Wish::One(ObjectRef::new("v1", "Pod", Some(&self.namespace), pod))),
            (None, Some(Strategy::Delete)) => Err(Refused::parameter(
                "/strategy",
                "deleting needs the name of one pod; all pods of a workload are restarted in turn",
            )),
            (_, Some(Strategy::OneAtATime)) => Ok(Wish::OneByOne(workload()?)),
            (_, Some(Strategy::Rolling) | None) => Ok(Wish::Template(workload()?)),
        }
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Restart = parse(params)?;
    let mut needs = surroundings(&params.namespace);
    needs.extend(match params.wish()? {
        Wish::One(pod) => vec![Need::Object(pod.clone()), Need::Owner(pod)],
        Wish::Template(workload) => vec![Need::Object(workload)],
        Wish::OneByOne(workload) => vec![Need::Object(workload.clone()), Need::Pods(workload)],
    });
    Ok(needs)
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Restart = parse(params)?;
    match params.wish()? {
        Wish::One(pod) => {
            let object = world.object(&pod)?;
            let Some(owner) = world.owner(&pod) else {
                return refuse(format!("{pod} has no controller: nothing would bring it back"));
            };
            Ok(Request::Delete {
                target: with_uid(&pod, object),
                owner: Some(owner.clone()),
                restore: false,
                ended: None,
            }
            .into())
        }
        Wish::Template(target) => rolling(&target, world, moment),
        Wish::OneByOne(target) => one_by_one(&target, world),
    }
}

/// A restart by a changed template.
pub(super) fn rolling(target: &ObjectRef, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let object = world.object(target)?;
    Ok(restart(target, object, moment)?.into())
}

/// Broken pods first: they serve nobody, and the workload is whole the sooner. A StatefulSet has an order of its own.
fn one_by_one(target: &ObjectRef, world: &World) -> Result<Draft, Refused> {
    let object = world.object(target)?;
    if target.kind == "StatefulSet" {
        return in_turn(target, object, world, world.pods_of(target));
    }
    let mut pods = world.pods_of(target);
    pods.retain(|(_, pod)| !going(pod));
    let broken = pods.iter().filter(|(_, pod)| !ready(pod)).count();
    if broken > 1 {
        return refuse(format!(
            "{broken} pods of {target} are not ready: one at a time, each would be waited for while the others stay broken; use the strategy rolling"
        ));
    }
    pods.sort_by_key(|(_, pod)| ready(pod));
    let names: Vec<&ObjectRef> = pods.iter().map(|(name, _)| *name).collect();
    let requests = deletions(target, world, &names)?;
    Ok(Draft::from(requests).note(format!(
        "the {} pods of {target} are deleted one at a time, each when all others are ready",
        names.len()
    )))
}
