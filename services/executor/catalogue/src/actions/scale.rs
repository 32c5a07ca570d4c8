//! `scale`: the number of replicas of a workload.

use paramedic_domain::{change::Wait, object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{databases, surroundings, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path},
    world::{Need, World, with_uid},
};

/// Most replicas that are asked for at once: more is a mistake in a parameter more often than a need.
const MOST: i64 = 500;

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "scale",
    aliases: &["scale_deployment", "scale_statefulset", "scale_up", "scale_down"],
    about: About {
        description: "changes the number of replicas of a Deployment or StatefulSet",
        risk: "low upwards; medium when more than half of the pods go, high when none stay, when no node has room, or when a budget forbids it",
        undo: "the old number of replicas is put back",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 30,
    schema: schema_of::<Scale>,
    needs,
    draft,
};

/// How many replicas of which workload.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Scale {
    /// Namespace.
    namespace: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Wanted number of replicas.
    #[schemars(range(min = 0, max = 500))]
    replicas: i64,
    /// Whether 0 replicas are meant; otherwise 0 is refused.
    #[serde(rename = "allowZero", alias = "allow_zero", default)]
    allow_zero: bool,
    /// Connections that the database of the workload takes, when Prometheus does not know it.
    #[serde(rename = "maxConnections", alias = "max_connections")]
    #[expect(dead_code, reason = "the check of connections reads it from the parameters of any action")]
    max_connections: Option<i64>,
}

impl Scale {
    fn target(&self) -> Result<ObjectRef, Refused> {
        workload(&self.namespace, self.deployment.as_ref(), self.statefulset.as_ref(), None)
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Scale = parse(params)?;
    let mut needs = vec![Need::Object(params.target()?)];
    needs.extend(surroundings(&params.namespace));
    needs.extend(databases(&params.namespace));
    Ok(needs)
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Scale = parse(params)?;
    let target = params.target()?;
    let object = world.object(&target)?;
    let wanted = params.replicas;
    if !(0..=MOST).contains(&wanted) {
        return Err(Refused::parameter("/replicas", format!("{wanted} is not between 0 and {MOST}")));
    }
    if wanted == 0 && !params.allow_zero {
        return Err(Refused::parameter(
            "/replicas",
            format!("0 would stop {target} completely: say allowZero if that is meant"),
        ));
    }
    let present = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    if present == wanted {
        return refuse(format!("{target} already has {present} replicas"));
    }
    let edit = ObjectEdit::plain(with_uid(&target, object), vec![Edit::set(Path::new(["spec", "replicas"]), wanted)]).wait(Wait::Rollout);
    let draft = Draft::from(edit);
    Ok(if wanted == 0 {
        draft.concern(
            RiskLevel::High,
            format!("{target} stops completely: {present} pods go and none stay"),
        )
    } else if wanted * 2 < present {
        draft.concern(
            RiskLevel::Medium,
            format!("{} of {present} pods of {target} go, more than half", present - wanted),
        )
    } else {
        draft
    })
}
