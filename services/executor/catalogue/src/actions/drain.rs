//! `drain`: a node is cordoned and its pods evicted, as their budgets allow.

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn,
    node::{cordoned, cordoning, is_ready, last, reference},
    parse, refuse, schema_of,
};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Request},
    references::items,
    world::{Need, World, with_uid},
};

/// Most pods of one node: the default of the kubelet is 110, clouds go up to this.
const MOST: usize = 250;

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "drain",
    aliases: &["drain_node", "evict_pods", "cordon_and_drain"],
    about: About {
        description: "cordons a node and evicts its pods one after the other, the least important first; budgets are asked and waited for; pods of DaemonSets stay",
        risk: "medium: pods start anew elsewhere; high when a budget allows no disruption or no other node takes pods",
        undo: "the node takes pods again; evicted pods were replaced by their controllers and stay where they are",
        dry_run: "server-side dry run of the cordon and of every eviction",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 1800,
    typical_seconds: 180,
    schema: schema_of::<Drain>,
    needs,
    draft,
};

/// Which node.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Drain {
    /// Name of the node.
    #[serde(alias = "name", alias = "nodeName", alias = "node_name")]
    node: String,
    /// Whether pods with local data (emptyDir volumes) are evicted, too: that data is lost.
    #[serde(rename = "deleteEmptyDirData", alias = "delete_empty_dir_data", default)]
    delete_empty_dir_data: bool,
    /// Whether pods of DaemonSets stay; always so.
    #[serde(rename = "ignoreDaemonSets", alias = "ignore_daemon_sets", alias = "ignoreDaemonsets")]
    ignore_daemon_sets: Option<bool>,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Drain = parse(params)?;
    if params.ignore_daemon_sets == Some(false) {
        return Err(Refused::parameter(
            "/ignoreDaemonSets",
            "pods of DaemonSets would come back at once: they always stay",
        ));
    }
    let node = reference(&params.node);
    Ok(vec![
        Need::Object(node.clone()),
        Need::PodsOn(node),
        Need::Nodes,
        Need::Room,
        Need::Kind(crate::world::Kind::everywhere("policy/v1", "PodDisruptionBudget")),
    ])
}

/// What becomes of the pods of a node.
#[derive(Default)]
struct Sorted<'a> {
    go: Vec<(&'a ObjectRef, &'a Value, &'a ObjectRef)>,
    stay: Vec<String>,
    alone: Vec<String>,
    local: Vec<String>,
    /// Deleted already, and still there.
    going: Vec<String>,
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Drain = parse(params)?;
    let target = reference(&params.node);
    let object = world.object(&target)?;
    if let Some(lost) = lost(world, &target) {
        return refuse(format!(
            "{lost} is not ready and its pods need places elsewhere: emptying {target} as well takes away more room; mend {lost} first, or cordon {target}"
        ));
    }
    let mut pods = sorted(world, &target);
    if !pods.alone.is_empty() {
        return refuse(format!(
            "{} on {target} have no controller: nothing would bring them back, so people must move them first",
            pods.alone.join(", ")
        ));
    }
    if !pods.local.is_empty() && !params.delete_empty_dir_data {
        return Err(Refused::parameter(
            "/deleteEmptyDirData",
            format!(
                "{} on {target} hold local data (emptyDir) that would be lost: say deleteEmptyDirData if that is meant",
                pods.local.join(", ")
            ),
        ));
    }
    if pods.go.len() > MOST {
        return refuse(format!("{target} runs {} pods, more than the {MOST} of one step", pods.go.len()));
    }
    if pods.go.is_empty() && cordoned(object) {
        return refuse(format!("{target} is cordoned already and has no pods to evict"));
    }
    pods.go.sort_by_key(|(name, pod, _)| {
        let priority = pod.pointer("/spec/priority").and_then(Value::as_i64).unwrap_or(0);
        (priority, (*name).clone())
    });
    let mut requests = Vec::with_capacity(pods.go.len() + 1);
    if !cordoned(object) {
        requests.push(Request::Edit(cordoning(&target, object)));
    }
    requests.extend(pods.go.iter().map(|(name, pod, owner)| Request::Evict {
        target: with_uid(name, pod),
        owner: Some((*owner).clone()),
    }));
    let mut draft = Draft::from(requests).note(match pods.go.len() {
        0 => format!("no pod of {target} is left to evict: it is only cordoned"),
        count => format!("{count} pods of {target} are evicted one after the other, the least important first"),
    });
    if !pods.going.is_empty() && !is_ready(object) {
        draft = draft.note(format!(
            "{target} is not ready: {} are being deleted already and stay Terminating until it answers again, or until people have switched it off for certain; nothing is forced away",
            pods.going.join(", ")
        ));
    }
    if !pods.stay.is_empty() {
        draft = draft.note(format!("on {target} stay: {}", pods.stay.join(", ")));
    }
    if !pods.local.is_empty() {
        draft = draft.concern(
            RiskLevel::High,
            format!("local data (emptyDir) of {} is lost", pods.local.join(", ")),
        );
    }
    Ok(match last(world, &target) {
        Some(text) => draft.concern(RiskLevel::High, text),
        None => draft,
    })
}

/// Another node that is not ready, if the one to be emptied is.
fn lost(world: &World, target: &ObjectRef) -> Option<ObjectRef> {
    let name = |node: &Value| {
        node.pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (own, others): (Vec<&Value>, Vec<&Value>) = world.nodes.iter().partition(|node| name(node) == target.name);
    let sound = own.iter().all(|node| is_ready(node));
    let lost = others.into_iter().find(|node| !is_ready(node))?;
    sound.then(|| reference(&name(lost)))
}

fn sorted<'a>(world: &'a World, node: &ObjectRef) -> Sorted<'a> {
    let mut found = Sorted::default();
    for (name, pod) in world.pods_of(node) {
        let shown = format!("{}/{}", name.namespace.as_deref().unwrap_or_default(), name.name);
        let phase = pod.pointer("/status/phase").and_then(Value::as_str);
        let mirror = pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some();
        let going = pod.pointer("/metadata/deletionTimestamp").is_some();
        // Ended pods need no place elsewhere, and those that are going need no eviction.
        if matches!(phase, Some("Succeeded" | "Failed")) {
            continue;
        }
        if going {
            found.going.push(shown);
            continue;
        }
        if mirror {
            found.stay.push(format!("{shown} (part of the node itself)"));
            continue;
        }
        match world.owner(name) {
            Some(owner) if owner.kind == "DaemonSet" => found.stay.push(format!("{shown} ({owner})")),
            Some(owner) => {
                if items(pod, "/spec/volumes").any(|volume| volume.get("emptyDir").is_some()) {
                    found.local.push(shown);
                }
                found.go.push((name, pod, owner));
            }
            None => found.alone.push(shown),
        }
    }
    found
}
