//! Running pods resized without a restart, through the `resize` subresource.

use std::collections::BTreeSet;

use paramedic_domain::{change::Wait, object::ObjectRef, risk::RiskLevel};
use serde_json::Value;

use super::{
    one_by_one::ready,
    refuse,
    resources::{Resources, Way, edits, less_memory},
    workload::container,
};
use crate::{
    action::{Draft, ObjectEdit, Refused, Request},
    patch::{Edit, Path},
    quantity::milli,
    references::items,
    world::{Need, World, with_uid},
};

const API: &str = "v1";
const RESOURCE: &str = "pods/resize";
/// Most pods of one step.
const MOST: usize = 100;

pub(super) fn needs(target: ObjectRef) -> Vec<Need> {
    vec![
        Need::Pods(target),
        Need::Served {
            api_version: API,
            resource: RESOURCE,
        },
    ]
}

pub(super) fn draft(params: &Resources, world: &World, way: Way) -> Result<Draft, Refused> {
    let target = params.target()?;
    let object = world.object(&target)?;
    if !world.serves(API, RESOURCE) {
        return Err(Refused::parameter(
            "/inPlace",
            "the server cannot resize pods in place (Kubernetes 1.33 and later can): change the template instead",
        ));
    }
    let (_, name) = container(object, &target, params.container.as_ref())?;
    let pods: Vec<_> = world
        .pods_of(&target)
        .into_iter()
        .filter(|(_, pod)| pod.pointer("/metadata/deletionTimestamp").is_none())
        .collect();
    if pods.is_empty() {
        return refuse(format!("{target} has no running pods to resize"));
    }
    if pods.len() > MOST {
        return refuse(format!("{target} has {} pods, more than the {MOST} of one step", pods.len()));
    }
    let mut requests = Vec::with_capacity(pods.len());
    let mut concern = None;
    let mut broken = 0;
    let mut restarting: BTreeSet<&str> = BTreeSet::new();
    let mut stays = 0;
    for (reference, pod) in pods {
        let Some(index) = items(pod, "/spec/containers").position(|one| one.get("name").and_then(Value::as_str) == Some(&name)) else {
            return refuse(format!("{reference} has no container {name:?}"));
        };
        let resources = Path::new(["spec", "containers", &index.to_string(), "resources"]);
        let edits = edits(params, pod, &resources, world, way)?;
        if edits.iter().all(|edit| edit.path.read(pod) == edit.value.as_ref()) {
            continue;
        }
        concern = concern.or_else(|| less_memory(params, pod, &resources));
        broken += usize::from(!ready(pod));
        let container = &pod["spec"]["containers"][index];
        let raised = grows(pod, &edits);
        restarting.extend(restarts(container, pod, &edits));
        let mut edit = ObjectEdit::plain(with_uid(reference, pod), edits)
            .subresource("resize")
            .owned(Some(&with_uid(&target, object)))
            .wait(Wait::PodResized);
        // What goes up here has to come down again to be undone.
        if raised && policy(container, "memory") != Some(RESTART) && !lowers_memory(world, pod) {
            edit = edit.irreversible(STAYS);
            stays += 1;
        }
        requests.push(Request::Edit(edit));
    }
    if requests.is_empty() {
        return refuse(format!("every pod of {target} already has these requests and limits"));
    }
    let mut draft = Draft::from(requests).note(format!(
        "the running pods of {target} are resized without a restart; its template stays, so pods that come later have the old requests and limits"
    ));
    if !restarting.is_empty() {
        let resources: Vec<&str> = restarting.into_iter().collect();
        draft = draft.concern(
            RiskLevel::High,
            format!(
                "container {name} restarts in every pod of {target}, all at once: its resizePolicy says so for {}",
                resources.join(" and ")
            ),
        );
    }
    if stays > 0 {
        draft = draft.note(format!("{stays} of the pods cannot go back in place: {STAYS}"));
    }
    if broken > 0 {
        draft = draft.note(format!(
            "{broken} of the pods are not ready: a container that was killed for lack of memory gets the new limit when it starts again"
        ));
    }
    Ok(match concern {
        Some(text) => draft.concern(RiskLevel::High, format!("container {name} of {target}: {text}")),
        None => draft,
    })
}

/// What a container says of a resource that restarts it.
const RESTART: &str = "RestartContainer";
/// Why a raised memory limit is not undone.
const STAYS: &str = "kubelets before 1.34 do not lower the memory limit of a running container";

/// What a container says is done when a resource of it changes.
fn policy<'a>(container: &'a Value, resource: &str) -> Option<&'a str> {
    let text = |one: &'a Value, name: &str| one.get(name).and_then(Value::as_str);
    items(container, "/resizePolicy")
        .find(|one| text(one, "resourceName") == Some(resource))
        .and_then(|one| text(one, "restartPolicy"))
}

/// The resources whose change restarts the container.
fn restarts(container: &Value, pod: &Value, edits: &[Edit]) -> Vec<&'static str> {
    let changes = |resource: &str| {
        edits
            .iter()
            .any(|edit| edit.path.called() == Some(resource) && edit.path.read(pod) != edit.value.as_ref())
    };
    let all = ["cpu", "memory"].into_iter();
    all.filter(|resource| changes(resource) && policy(container, resource) == Some(RESTART))
        .collect()
}

/// Whether the memory limit goes up.
fn grows(pod: &Value, edits: &[Edit]) -> bool {
    edits.iter().any(|edit| {
        let text = edit.path.pointer();
        let value = |value: Option<&Value>| value.and_then(Value::as_str).and_then(milli);
        text.ends_with("/limits/memory") && value(edit.value.as_ref()) > value(edit.path.read(pod))
    })
}

/// Whether the kubelet of the pod's node lowers memory limits of running containers; taken for granted where nodes may not be seen.
fn lowers_memory(world: &World, pod: &Value) -> bool {
    let name = pod.pointer("/spec/nodeName");
    let node = world.nodes.iter().find(|node| node.pointer("/metadata/name") == name);
    let version = node.and_then(|node| node.pointer("/status/nodeInfo/kubeletVersion")?.as_str());
    let minor = version.and_then(|version| version.trim_start_matches('v').split('.').nth(1)?.parse::<u32>().ok());
    minor.is_none_or(|minor| minor >= 34)
}
