//! Running pods resized without a restart, through the `resize` subresource.

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
    patch::Path,
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
        requests.push(Request::Edit(
            ObjectEdit::plain(with_uid(reference, pod), edits)
                .subresource("resize")
                .owned(Some(&with_uid(&target, object)))
                .wait(Wait::PodResized),
        ));
    }
    if requests.is_empty() {
        return refuse(format!("every pod of {target} already has these requests and limits"));
    }
    let mut draft = Draft::from(requests).note(format!(
        "the running pods of {target} are resized without a restart; its template stays, so pods that come later have the old requests and limits"
    ));
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
