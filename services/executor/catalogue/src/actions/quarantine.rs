//! `quarantine_pod`: a pod is taken out of service and cut off, and kept for people to look at.

use std::collections::BTreeSet;

use paramedic_domain::{change::Wait, object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused, Request},
    patch::{Edit, Path},
    world::{self, Need, World, with_uid},
};

/// The label of a pod in quarantine; its value ties it to the policy that cuts it off.
const QUARANTINED: &str = "paramedic.dev/quarantined";
/// Labels by which controllers know their pods, besides those of their selectors.
const HASHES: [&str; 2] = ["pod-template-hash", "controller-revision-hash"];

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "quarantine_pod",
    aliases: &["isolate_pod"],
    about: About {
        description: "takes the labels from a pod by which Services and its controller select it, and cuts it off with a NetworkPolicy; it keeps running for people to look at, and its controller makes another one",
        risk: "medium: the pod serves nobody any more; high with a single replica",
        undo: "the labels are put back and the policy is deleted; the controller then has one pod too many and stops one",
        dry_run: "server-side dry run of the policy and of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 120,
    typical_seconds: 5,
    schema: schema_of::<Quarantine>,
    needs,
    draft,
};

/// Which pod.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Quarantine {
    /// Namespace.
    namespace: String,
    /// Name of the pod.
    #[serde(alias = "name")]
    pod: String,
}

impl Quarantine {
    fn target(&self) -> ObjectRef {
        ObjectRef::new("v1", "Pod", Some(&self.namespace), &self.pod)
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Quarantine = parse(params)?;
    Ok(vec![
        Need::Object(params.target()),
        Need::Owner(params.target()),
        Need::Kind(world::Kind::within("v1", "Service", &params.namespace)),
        Need::Kind(policies(&params.namespace)),
    ])
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Quarantine = parse(params)?;
    let target = params.target();
    let pod = world.object(&target)?;
    let labels = pod.pointer("/metadata/labels").and_then(Value::as_object);
    if labels.is_some_and(|labels| labels.contains_key(QUARANTINED)) {
        return refuse(format!("{target} is in quarantine already"));
    }
    let owner = world.owner(&target);
    if let Some(owner) = owner
        && matches!(owner.kind.as_str(), "StatefulSet" | "Job" | "CronJob")
    {
        return refuse(format!(
            "{target} belongs to {owner}: {}",
            if owner.kind == "StatefulSet" {
                "another pod of the same name cannot be made while this one is kept"
            } else {
                "without it the Job counts it as lost and starts another one; suspend the Job instead"
            }
        ));
    }
    let mut taken = selecting(world, pod, owner, &params.namespace);
    let (labels, opened) = permitting(world, pod, &params.namespace);
    taken.extend(labels);
    let mut edits: Vec<Edit> = taken
        .iter()
        .map(|label| Edit::remove(Path::new(["metadata", "labels", label])))
        .collect();
    edits.push(Edit::set(Path::new(["metadata", "labels", QUARANTINED]), moment.suffix.as_str()));
    let edit = ObjectEdit::plain(with_uid(&target, pod), edits).owned(owner);
    let requests = vec![
        Request::Create {
            object: policy(&params.namespace, &moment.suffix),
            wait: Wait::Accepted,
            irreversible: None,
        },
        Request::Edit(edit),
    ];
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    let draft = Draft::from(requests).note(format!(
        "{target} loses the labels {} and keeps running, {}: delete it when it was looked at",
        taken.join(", "),
        if opened.is_empty() {
            "cut off"
        } else {
            "but not cut off from everything"
        }
    ));
    let draft = if opened.is_empty() {
        draft
    } else {
        // What any policy permits stays permitted: one that lets nothing through takes nothing away from the others.
        draft.concern(
            RiskLevel::High,
            format!(
                "{} also select pods without those labels, and what they permit {target} it may still do",
                opened.join(", ")
            ),
        )
    };
    Ok(match owner {
        Some(owner) => draft.concern(RiskLevel::Medium, format!("{owner} makes another pod in its place")),
        None => draft.concern(
            RiskLevel::High,
            format!("{target} has no controller: nothing takes its place while it is cut off"),
        ),
    })
}

/// The pod's labels by which a Service or its controllers select it.
fn selecting(world: &World, pod: &Value, owner: Option<&ObjectRef>, namespace: &str) -> BTreeSet<String> {
    let has = |name: &str, value: &Value| pod.pointer("/metadata/labels").and_then(|labels| labels.get(name)) == Some(value);
    let mut taken = BTreeSet::new();
    let services = world.all(&world::Kind::within("v1", "Service", namespace)).unwrap_or_default();
    let selectors = services
        .iter()
        .filter_map(|(_, service)| service.pointer("/spec/selector")?.as_object())
        .filter(|selector| !selector.is_empty() && selector.iter().all(|(name, value)| has(name, value)));
    let controller = owner
        .and_then(|owner| {
            world
                .object(&ObjectRef {
                    uid: None,
                    ..owner.clone()
                })
                .ok()
        })
        .and_then(|owner| owner.pointer("/spec/selector/matchLabels")?.as_object());
    for selector in selectors.chain(controller) {
        taken.extend(selector.keys().cloned());
    }
    let labels = pod.pointer("/metadata/labels");
    taken.extend(HASHES.iter().map(ToString::to_string));
    taken.retain(|label| labels.is_some_and(|labels| labels.get(label).is_some()));
    taken
}

fn policies(namespace: &str) -> world::Kind {
    world::Kind::within("networking.k8s.io/v1", "NetworkPolicy", namespace)
}

/// The pod's labels by which NetworkPolicies select it, and the policies that would select it without them, too.
fn permitting(world: &World, pod: &Value, namespace: &str) -> (BTreeSet<String>, Vec<String>) {
    let labels = pod.pointer("/metadata/labels");
    let (mut taken, mut opened) = (BTreeSet::new(), Vec::new());
    for (name, policy) in world.all(&policies(namespace)).unwrap_or_default() {
        let selector = policy.pointer("/spec/podSelector").unwrap_or(&Value::Null);
        let wanted = selector.get("matchLabels").and_then(Value::as_object);
        let has = |name: &str, value: &Value| labels.and_then(|labels| labels.get(name)) == Some(value);
        if !wanted.is_none_or(|wanted| wanted.iter().all(|(name, value)| has(name, value))) {
            continue;
        }
        match wanted {
            Some(wanted) if !wanted.is_empty() => taken.extend(wanted.keys().cloned()),
            // Everything is selected, or by expressions, which labels that go may satisfy even better.
            Some(_) | None => opened.push(name.to_string()),
        }
    }
    (taken, opened)
}

/// Lets nothing in or out of the pods with that value of the label.
fn policy(namespace: &str, suffix: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": format!("paramedic-quarantine-{suffix}"), "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": {QUARANTINED: suffix}}, "policyTypes": ["Ingress", "Egress"]}
    })
}
