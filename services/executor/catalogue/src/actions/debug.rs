//! `enable_debug_mode`: flags appended to a container's arguments.

use std::time::Duration;

use paramedic_domain::{change::Confirm, object::ObjectRef, plan::Lasts};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{container, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::Edit,
    world::{Need, World, with_uid},
};

/// How long flags stay when nobody says it: long enough to look, short enough to be forgotten.
const DEFAULT: Duration = Duration::from_secs(3600);
/// Longest time that flags may stay.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "enable_debug_mode",
    aliases: &["enable_debug", "enable_profiling"],
    about: About {
        description: "appends debug flags to the arguments of one container; every pod is replaced",
        risk: "medium: every pod is replaced; high with a single replica or a budget that allows no disruption",
        undo: "the old arguments are put back; after the duration the executor does that by itself",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 120,
    schema: schema_of::<EnableDebugMode>,
    needs,
    draft,
};

/// Flags for one container.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EnableDebugMode {
    /// Namespace.
    namespace: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Name of a DaemonSet.
    daemonset: Option<String>,
    /// Container; may be left out if there is only one, or one named like the workload.
    container: Option<String>,
    /// Arguments to append, each one an argument of its own.
    #[serde(alias = "debugFlags", alias = "flags")]
    #[schemars(length(min = 1))]
    debug_flags: Vec<String>,
    /// How long the flags stay, at most `24h`; then the executor takes them back by itself, which replaces the pods again.
    /// Left out: `1h`, and if the flags are part of another step's patch, not before the workflow has ended.
    #[serde(alias = "expiresAfter", alias = "expires_after")]
    duration: Option<String>,
}

impl EnableDebugMode {
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
    Ok(vec![Need::Object(parse::<EnableDebugMode>(params)?.target()?)])
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: EnableDebugMode = parse(params)?;
    if params
        .debug_flags
        .iter()
        .any(|flag| flag.is_empty() || flag.chars().any(char::is_control))
    {
        return refuse("parameters.debug_flags: a flag is empty or holds control characters");
    }
    let target = params.target()?;
    let object = world.object(&target)?;
    let (base, name) = container(object, &target, params.container.as_ref())?;
    let path = base.join(["args"]);
    let before: Vec<Value> = path.read(object).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut args = before.clone();
    for flag in params.debug_flags.iter().map(|flag| Value::from(flag.as_str())) {
        if !args.contains(&flag) {
            args.push(flag);
        }
    }
    if args == before {
        return refuse(format!("container {name} of {target} already has {:?}", params.debug_flags));
    }
    let notes = if before.is_empty() && base.join(["command"]).read(object).is_none() {
        vec![format!(
            "container {name} of {target} has no arguments of its own: the flags replace the default arguments of its image"
        )]
    } else {
        Vec::new()
    };
    let edits = vec![Edit::set(path, args)];
    let duration = match &params.duration {
        Some(text) => super::span::duration("duration", text, LONGEST)?,
        None => DEFAULT,
    };
    let mut draft =
        Draft::from(ObjectEdit::template(with_uid(&target, object), edits, Confirm::InTemplate)).lasting(Lasts::For { duration });
    draft.notes = notes;
    Ok(if params.duration.is_some() { draft.alone() } else { draft })
}
