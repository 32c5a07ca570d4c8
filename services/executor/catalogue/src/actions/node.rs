//! `cordon`, `uncordon`, `taint`, `untaint`: whether a node takes pods.

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path, own_taint},
    world::{Need, World, with_uid},
};

/// The taint that the node controller sets on a cordoned node.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// The taint by which people say that a node is switched off.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

const DRY_RUN: &str = "server-side dry run of the patch";

const fn action(
    name: &'static str,
    aliases: &'static [&'static str],
    (description, risk, undo): (&'static str, &'static str, &'static str),
    schema: fn() -> Value,
    needs: fn(&Params) -> Result<Vec<Need>, Refused>,
    draft: fn(&Params, &World, &Moment) -> Result<Draft, Refused>,
) -> BuiltIn {
    BuiltIn {
        name,
        aliases,
        about: About {
            description,
            risk,
            undo,
            dry_run: DRY_RUN,
            external: false,
        },
        kind: Kind::Cluster,
        timeout_seconds: 60,
        typical_seconds: 2,
        schema,
        needs,
        draft,
    }
}

pub(super) const CORDON: BuiltIn = action(
    "cordon",
    &["cordon_node"],
    (
        "keeps new pods off a node; those that run there stay",
        "low: nothing is stopped; high when no other node takes pods",
        "the node takes pods again",
    ),
    schema_of::<OneNode>,
    needs_node,
    cordon,
);

pub(super) const UNCORDON: BuiltIn = action(
    "uncordon",
    &["uncordon_node"],
    (
        "lets a cordoned node take pods again",
        "low: nothing is stopped; medium when the node is not ready",
        "the node is cordoned again",
    ),
    schema_of::<OneNode>,
    needs_node,
    uncordon,
);

pub(super) const TAINT: BuiltIn = action(
    "taint",
    &["taint_node"],
    (
        "gives a node a taint, so that only pods that tolerate it come or stay",
        "low with PreferNoSchedule or NoSchedule; high with NoExecute, which evicts without asking budgets",
        "the taint is taken away",
    ),
    schema_of::<Taint>,
    needs_taint,
    taint,
);

pub(super) const UNTAINT: BuiltIn = action(
    "untaint",
    &["untaint_node", "remove_taint"],
    (
        "takes a taint from a node",
        "low: pods may come back; taints that Kubernetes sets by itself are refused",
        "the taint is given back",
    ),
    schema_of::<Untaint>,
    needs_untaint,
    untaint,
);

/// One node.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneNode {
    /// Name of the node.
    #[serde(alias = "name", alias = "nodeName", alias = "node_name")]
    node: String,
}

/// A taint for a node.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Taint {
    /// Name of the node.
    #[serde(alias = "name", alias = "nodeName", alias = "node_name")]
    node: String,
    /// Key of the taint.
    key: String,
    /// Value of the taint.
    value: Option<String>,
    /// What it does to pods that do not tolerate it.
    effect: Effect,
}

/// A taint that a node has.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Untaint {
    /// Name of the node.
    #[serde(alias = "name", alias = "nodeName", alias = "node_name")]
    node: String,
    /// Key of the taint.
    key: String,
    /// Only the taint with this effect; left out: every one of that key.
    effect: Option<Effect>,
}

/// What a taint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
enum Effect {
    /// New pods do not come.
    NoSchedule,
    /// New pods come if there is no better place.
    PreferNoSchedule,
    /// New pods do not come, and those that are there go.
    NoExecute,
}

impl Effect {
    fn text(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

pub(super) fn reference(name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Node", None, name)
}

fn needs(name: &str) -> Vec<Need> {
    vec![Need::Object(reference(name)), Need::Nodes]
}

fn needs_node(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(needs(&parse::<OneNode>(params)?.node))
}

fn needs_taint(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(needs(&parse::<Taint>(params)?.node))
}

fn needs_untaint(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(needs(&parse::<Untaint>(params)?.node))
}

fn cordon(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let target = reference(&parse::<OneNode>(params)?.node);
    let object = world.object(&target)?;
    if cordoned(object) {
        return refuse(format!("{target} is cordoned already"));
    }
    let draft = Draft::from(cordoning(&target, object));
    Ok(match last(world, &target) {
        Some(text) => draft.concern(RiskLevel::High, text),
        None => draft,
    })
}

fn uncordon(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let target = reference(&parse::<OneNode>(params)?.node);
    let object = world.object(&target)?;
    if !cordoned(object) {
        return refuse(format!("{target} is not cordoned"));
    }
    let edit = Edit::remove(Path::new(["spec", "unschedulable"]));
    let draft = Draft::from(ObjectEdit::plain(with_uid(&target, object), vec![edit]));
    Ok(if is_ready(object) {
        draft
    } else {
        draft.concern(
            RiskLevel::Medium,
            format!("{target} is not ready: pods that come now do not run there"),
        )
    })
}

fn taint(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Taint = parse(params)?;
    let target = reference(&params.node);
    let object = world.object(&target)?;
    let odd = |text: &str| text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    if odd(&params.key) || params.value.as_deref().is_some_and(|value| !value.is_empty() && odd(value)) {
        return Err(Refused::parameter(
            "/key",
            format!("{:?} and {:?} are not key and value of a taint", params.key, params.value),
        ));
    }
    if params.key == OUT_OF_SERVICE {
        return Err(Refused::parameter(
            "/key",
            format!(
                "{OUT_OF_SERVICE} makes Kubernetes force the pods of {target} away and detach their volumes: if it still runs, two of each pod run. Only somebody who knows that the machine is off may set it"
            ),
        ));
    }
    if own_taint(&params.key) {
        return Err(Refused::parameter("/key", format!("{} is set by Kubernetes itself", params.key)));
    }
    let mut taints = taints(object);
    let is = |taint: &Value| is(taint, &params.key, Some(params.effect));
    if taints.iter().any(is) {
        return refuse(format!("{target} has a taint {}:{} already", params.key, params.effect.text()));
    }
    let mut new = json!({"key": params.key, "effect": params.effect.text()});
    if let Some(value) = &params.value {
        new["value"] = json!(value);
    }
    // In front: controllers of Kubernetes put theirs behind, and take them away there.
    taints.insert(0, new);
    let draft = Draft::from(tainted(&target, object, taints));
    Ok(match (params.effect, last(world, &target)) {
        (Effect::NoExecute, _) => draft.concern(
            RiskLevel::High,
            format!("NoExecute removes every pod of {target} that does not tolerate it at once, without asking a budget: a drain does"),
        ),
        (Effect::NoSchedule, Some(text)) => draft.concern(RiskLevel::High, text),
        (Effect::NoSchedule | Effect::PreferNoSchedule, _) => draft,
    })
}

fn untaint(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Untaint = parse(params)?;
    let target = reference(&params.node);
    let object = world.object(&target)?;
    if own_taint(&params.key) {
        return Err(Refused::parameter(
            "/key",
            format!(
                "{} is set by Kubernetes itself and would come back: mend what it tells of {target}",
                params.key
            ),
        ));
    }
    let before = taints(object);
    let after: Vec<Value> = before
        .iter()
        .filter(|taint| !is(taint, &params.key, params.effect))
        .cloned()
        .collect();
    if after.len() == before.len() {
        return Err(Refused::parameter("/key", format!("{target} has no such taint {}", params.key)));
    }
    Ok(tainted(&target, object, after).into())
}

fn tainted(target: &ObjectRef, object: &Value, taints: Vec<Value>) -> ObjectEdit {
    let edit = Edit::set(Path::new(["spec", "taints"]), taints);
    ObjectEdit::plain(with_uid(target, object), vec![edit])
}

/// The change that cordons a node. The taint is what the node controller sets a moment later: with it in the same patch, the
/// changes that come next start from what will really be there.
pub(super) fn cordoning(target: &ObjectRef, object: &Value) -> ObjectEdit {
    let mut edits = vec![Edit::set(Path::new(["spec", "unschedulable"]), true)];
    let mut taints = taints(object);
    if !taints.iter().any(|taint| is(taint, UNSCHEDULABLE, None)) {
        taints.push(json!({"key": UNSCHEDULABLE, "effect": Effect::NoSchedule.text()}));
        edits.push(Edit::set(Path::new(["spec", "taints"]), taints));
    }
    ObjectEdit::plain(with_uid(target, object), edits)
}

/// Whether it is cordoned.
pub(super) fn cordoned(node: &Value) -> bool {
    node.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true)
}

/// What is said when no other node would take pods.
pub(super) fn last(world: &World, target: &ObjectRef) -> Option<String> {
    let others = world
        .nodes
        .iter()
        .filter(|node| node.pointer("/metadata/name").and_then(Value::as_str) != Some(&target.name))
        .filter(|node| !cordoned(node) && is_ready(node))
        .count();
    (!world.nodes.is_empty() && others == 0)
        .then(|| format!("no other node is ready and takes pods: those of {target} would have no place"))
}

/// Whether its kubelet answers and it can run pods.
pub(super) fn is_ready(node: &Value) -> bool {
    super::one_by_one::ready(node)
}

fn taints(node: &Value) -> Vec<Value> {
    node.pointer("/spec/taints").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn is(taint: &Value, key: &str, effect: Option<Effect>) -> bool {
    let text = |name: &str| taint.get(name).and_then(Value::as_str);
    text("key") == Some(key) && effect.is_none_or(|effect| text("effect") == Some(effect.text()))
}
