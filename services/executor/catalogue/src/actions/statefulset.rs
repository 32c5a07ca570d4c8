//! `restart_statefulset`: pods of a StatefulSet by their ordinals, the highest first, each when the others are well.

use paramedic_domain::object::ObjectRef;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn,
    one_by_one::{in_turn, ordinal, ready},
    parse, refuse,
    restart::rolling,
    schema_of,
    workload::surroundings,
};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused},
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "restart_statefulset",
    aliases: &["restart_stateful_set", "restart_ordinals"],
    about: About {
        description: "restarts pods of a StatefulSet one at a time, the highest ordinal first, each when the one before is ready again; all of them, some ordinals, or only those that are not ready",
        risk: "medium: pods are replaced; high with a single replica or a budget that allows no disruption; volumes are kept",
        undo: "nothing to undo for a deleted pod, its controller replaced it; the restart annotation is taken back",
        dry_run: "server-side dry run of the deletions or the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 1800,
    typical_seconds: 300,
    schema: schema_of::<RestartStatefulSet>,
    needs,
    draft,
};

/// Which StatefulSet, and which of its pods.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RestartStatefulSet {
    /// Namespace.
    namespace: String,
    /// Name of the StatefulSet.
    #[serde(alias = "name")]
    statefulset: String,
    /// `rolling`: by a changed template, as the set's own update strategy says; `one-at-a-time`: by deleting pods. Left out: by
    /// deleting pods when ordinals or unhealthyOnly are given, by the template otherwise.
    strategy: Option<Strategy>,
    /// Only the pods with these ordinals.
    #[serde(default)]
    ordinals: Vec<u32>,
    /// Only the pods that are not ready.
    #[serde(rename = "unhealthyOnly", alias = "unhealthy_only", default)]
    unhealthy_only: bool,
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
}

impl RestartStatefulSet {
    fn target(&self) -> ObjectRef {
        ObjectRef::new("apps/v1", "StatefulSet", Some(&self.namespace), &self.statefulset)
    }

    fn picks(&self) -> bool {
        !self.ordinals.is_empty() || self.unhealthy_only
    }

    fn by_template(&self) -> bool {
        !self.picks() && self.strategy != Some(Strategy::OneAtATime)
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: RestartStatefulSet = parse(params)?;
    if params.wait_for_ready == Some(false) {
        return Err(Refused::parameter(
            "/waitForReady",
            "a restart always waits until the pods are ready",
        ));
    }
    let mut needs = surroundings(&params.namespace);
    needs.extend([Need::Object(params.target()), Need::Pods(params.target())]);
    Ok(needs)
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: RestartStatefulSet = parse(params)?;
    let target = params.target();
    if params.by_template() {
        return rolling(&target, world, moment);
    }
    let object = world.object(&target)?;
    let mut pods = world.pods_of(&target);
    let first = object.pointer("/spec/ordinals/start").and_then(Value::as_u64).unwrap_or(0);
    if let Some(unknown) = params
        .ordinals
        .iter()
        .find(|wanted| !pods.iter().any(|(pod, _)| ordinal(pod) == Some(**wanted)))
    {
        return Err(Refused::parameter(
            "/ordinals",
            format!("{target} has no pod {unknown}; its {} pods begin at {first}", pods.len()),
        ));
    }
    pods.retain(|(pod, object)| {
        (params.ordinals.is_empty() || ordinal(pod).is_some_and(|ordinal| params.ordinals.contains(&ordinal)))
            && (!params.unhealthy_only || !ready(object))
    });
    if pods.is_empty() && params.unhealthy_only {
        return refuse(format!("every pod of {target} is ready: there is nothing to restart"));
    }
    in_turn(&target, object, world, pods)
}
