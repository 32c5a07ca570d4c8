//! `increase_resources` and `set_resources`: requests and limits of one container, in the template or in the running pods.

use paramedic_domain::{change::Confirm, object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, resize, schema_of,
    workload::{container, surroundings, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path},
    quantity::{canonical, milli},
    world::{Need, World, with_uid},
};

const UNDO: &str = "the old requests and limits are put back, which replaces the pods again unless it was done in place";
const DRY_RUN: &str = "server-side dry run of the patches";

pub(super) const INCREASE: BuiltIn = BuiltIn {
    name: "increase_resources",
    aliases: &["increase_memory", "increase_memory_limit", "raise_limits"],
    about: About {
        description: "raises memory or CPU of one container of a workload; every pod is replaced, or resized in place",
        risk: "medium: every pod is replaced; high with a single replica or a budget that allows no disruption; low in place",
        undo: UNDO,
        dry_run: DRY_RUN,
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 120,
    schema: schema_of::<Resources>,
    needs,
    draft: increase,
};

pub(super) const SET: BuiltIn = BuiltIn {
    name: "set_resources",
    aliases: &["update_resources", "patch_resources", "decrease_resources"],
    about: About {
        description: "sets memory or CPU requests and limits of one container of a workload, up or down; every pod is replaced, or resized in place",
        risk: "medium: every pod is replaced; high with a single replica, a budget that allows no disruption, or less memory than before",
        undo: UNDO,
        dry_run: DRY_RUN,
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 120,
    schema: schema_of::<Resources>,
    needs,
    draft: set,
};

pub(super) const IN_PLACE: BuiltIn = BuiltIn {
    name: "resize_pods_in_place",
    aliases: &["resize_pods"],
    about: About {
        description: "gives one container of every running pod of a workload other requests and limits without restarting it, where the server can; the template stays, so pods that come later have the old ones",
        risk: "low: no pod is replaced; high with less memory than before, or when the container's resizePolicy restarts it",
        undo: "the old requests and limits are put back, in place; a raised memory limit stays where kubelets older than 1.34 cannot lower it",
        dry_run: "server-side dry run of the patches",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 60,
    schema: schema_of::<Resources>,
    needs: needs_in_place,
    draft: in_place,
};

/// New requests and limits of one container.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resources {
    /// Namespace of the workload.
    pub(super) namespace: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Name of a DaemonSet.
    daemonset: Option<String>,
    /// Container; may be left out if there is only one, or one named like the workload.
    pub(super) container: Option<String>,
    /// New memory limit, for instance `3Gi`.
    #[serde(alias = "memoryLimit", alias = "memory_limit")]
    pub(super) memory: Option<String>,
    /// New memory request; unchanged if left out (changed along when it equalled the limit).
    #[serde(alias = "memoryRequest")]
    pub(super) memory_request: Option<String>,
    /// New CPU limit, for instance `500m`.
    #[serde(alias = "cpuLimit", alias = "cpu_limit")]
    pub(super) cpu: Option<String>,
    /// New CPU request; unchanged if left out (changed along when it equalled the limit).
    #[serde(alias = "cpuRequest")]
    pub(super) cpu_request: Option<String>,
    /// Whether the running pods are resized without a restart instead of changing the template.
    #[serde(rename = "inPlace", alias = "in_place", default)]
    pub(super) in_place: bool,
}

impl Resources {
    pub(super) fn target(&self) -> Result<ObjectRef, Refused> {
        workload(
            &self.namespace,
            self.deployment.as_ref(),
            self.statefulset.as_ref(),
            self.daemonset.as_ref(),
        )
    }

    /// Name, limit and request of each resource.
    fn wanted(&self) -> [(&'static str, Option<&str>, Option<&str>); 2] {
        [
            ("memory", self.memory.as_deref(), self.memory_request.as_deref()),
            ("cpu", self.cpu.as_deref(), self.cpu_request.as_deref()),
        ]
    }
}

/// Which way the numbers may go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Any,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Resources = parse(params)?;
    let target = params.target()?;
    let mut needs = surroundings(&params.namespace);
    needs.push(Need::Object(target.clone()));
    if params.in_place {
        needs.extend(resize::needs(target));
    }
    Ok(needs)
}

fn needs_in_place(params: &Params) -> Result<Vec<Need>, Refused> {
    let target = parse::<Resources>(params)?.target()?;
    let mut needs = needs(params)?;
    needs.extend(resize::needs(target));
    Ok(needs)
}

fn increase(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    changed(&parse(params)?, world, Way::Up)
}

fn set(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    changed(&parse(params)?, world, Way::Any)
}

fn in_place(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    resize::draft(&parse(params)?, world, Way::Any)
}

fn changed(params: &Resources, world: &World, way: Way) -> Result<Draft, Refused> {
    if params.in_place {
        return resize::draft(params, world, way);
    }
    let target = params.target()?;
    let object = world.object(&target)?;
    let (base, name) = container(object, &target, params.container.as_ref())?;
    let resources = base.join(["resources"]);
    let edits = edits(params, object, &resources, world, way)?;
    if edits.iter().all(|edit| edit.path.read(object) == edit.value.as_ref()) {
        return refuse(format!("container {name} of {target} already has these requests and limits"));
    }
    let mut draft = Draft::from(ObjectEdit::template(with_uid(&target, object), edits, Confirm::InTemplate));
    draft.notes = notes(object, &resources, &name, params);
    Ok(match less_memory(params, object, &resources) {
        Some(text) => draft.concern(RiskLevel::High, format!("container {name} of {target}: {text}")),
        None => draft,
    })
}

/// The values below `resources` of one container.
pub(super) fn edits(params: &Resources, object: &Value, resources: &Path, world: &World, way: Way) -> Result<Vec<Edit>, Refused> {
    let mut edits = Vec::new();
    for (resource, limit, request) in params.wanted() {
        one(object, resources, resource, (limit, request), way, &mut edits)?;
        if let Some(limit) = limit {
            fits_a_node(world, resource, limit)?;
        }
    }
    if edits.is_empty() {
        return refuse("parameters: at least one of memory, memory_request, cpu and cpu_request must be given");
    }
    Ok(edits)
}

/// What is said of a limit that goes down.
pub(super) fn less_memory(params: &Resources, object: &Value, resources: &Path) -> Option<String> {
    let wanted = params.memory.as_deref()?;
    let present = resources.join(["limits", "memory"]).read(object)?.as_str()?;
    (milli(wanted)? < milli(present)?)
        .then(|| format!("the memory limit goes down from {present} to {wanted}: a container that uses more is killed"))
}

fn one(
    object: &Value,
    resources: &Path,
    resource: &str,
    (limit, request): (Option<&str>, Option<&str>),
    way: Way,
    edits: &mut Vec<Edit>,
) -> Result<(), Refused> {
    let limit_path = resources.join(["limits", resource]);
    let request_path = resources.join(["requests", resource]);
    let old_limit = limit_path.read(object).and_then(Value::as_str);
    let old_request = request_path.read(object).and_then(Value::as_str);
    let number = |text: &str| {
        milli(text)
            .filter(|value| *value > 0)
            .ok_or_else(|| Refused::because(format!("parameters.{resource}: {text:?} is no positive Kubernetes quantity")))
    };
    let only_up = |what: &str, wanted: &str, old: Option<&str>| match old {
        Some(old) if way == Way::Up && milli(wanted) < milli(old) => refuse(format!(
            "parameters.{resource}: {wanted} is less than the present {what} {old}: this action only increases (set_resources does both)"
        )),
        Some(_) | None => Ok(()),
    };
    // The API server writes quantities its own way, and later changes start from what it wrote. What is that much already stays.
    let mut write = |path: Path, wanted: &str, old: Option<&str>| {
        let same = old.is_some_and(|old| milli(old) == milli(wanted));
        let text = if same {
            old.unwrap_or(wanted).to_owned()
        } else {
            canonical(wanted).unwrap_or_else(|| wanted.to_owned())
        };
        edits.push(Edit::set(path, text));
    };
    if let Some(limit) = limit {
        number(limit)?;
        only_up("limit", limit, old_limit)?;
        write(limit_path, limit, old_limit);
    }
    // A request that equals its limit is a promise of guaranteed service: it changes with the limit.
    let along = limit.filter(|_| old_request.is_some() && old_request.and_then(milli) == old_limit.and_then(milli));
    let request = request.or(along);
    if let Some(request) = request {
        number(request)?;
        only_up("request", request, old_request)?;
        write(request_path, request, old_request);
    }
    let (new_limit, new_request) = (limit.or(old_limit), request.or(old_request));
    if let (Some(limit), Some(request)) = (new_limit, new_request)
        && milli(request) > milli(limit)
    {
        return refuse(format!(
            "parameters.{resource}: the request {request} would be more than the limit {limit}"
        ));
    }
    Ok(())
}

fn fits_a_node(world: &World, resource: &str, limit: &str) -> Result<(), Refused> {
    let largest = world
        .nodes
        .iter()
        .filter_map(|node| {
            let text = node.pointer(&format!("/status/allocatable/{resource}"))?.as_str()?;
            Some((milli(text)?, text))
        })
        .max();
    match largest {
        Some((value, text)) if milli(limit) > Some(value) => refuse(format!(
            "parameters.{resource}: {limit} is more than any node can give ({text} on the largest)"
        )),
        _ => Ok(()),
    }
}

fn notes(object: &Value, resources: &Path, name: &str, params: &Resources) -> Vec<String> {
    let read = |kind: &str, resource: &str| resources.join([kind, resource]).read(object).and_then(Value::as_str);
    let mut notes: Vec<String> = params
        .wanted()
        .into_iter()
        .filter_map(|(resource, limit, _)| Some((resource, limit?)))
        .filter(|(resource, _)| read("limits", resource).is_none())
        .map(|(resource, limit)| {
            format!("container {name} has had no {resource} limit until now: {limit} is its first, so it may get less than before")
        })
        .collect();
    let request = params.memory_request.as_deref().or_else(|| read("requests", "memory"));
    if let (Some(memory), Some(request)) = (params.memory.as_deref(), request)
        && milli(memory) >= milli(request).map(|value| value * 4)
    {
        notes.push(format!(
            "container {name}: the limit {memory} is four times its request {request} or more, so nodes may run out of memory"
        ));
    }
    notes
}
