//! Actions that change objects of the cluster: what they want and what they refuse, against a world made of manifests.

mod gitops;
mod jobs;
mod nodes;
mod settings;
mod workloads;

use paramedic_domain::object::ObjectRef;
use serde_json::{Value, json};

use super::*;
use crate::{
    action::{ObjectEdit, Request, Work},
    world::Kind as Kinds,
};

/// A world to which objects are added by their manifest.
#[derive(Default)]
struct Stage(World);

impl Stage {
    fn with(mut self, object: Value) -> Self {
        let reference = crate::prepare::reference(&object).unwrap();
        let mut object = object;
        if object.pointer("/metadata/uid").is_none() {
            object["metadata"]["uid"] = json!(format!("u-{}", reference.name));
        }
        self.0.objects.push((reference, object));
        self
    }

    fn listed(mut self, kind: Kinds) -> Self {
        self.0.kinds.push(kind);
        self
    }

    /// A pod that a workload selects.
    fn pod(mut self, workload: &ObjectRef, name: &str, ready: bool, spec: Value) -> Self {
        let namespace = workload.namespace.clone().unwrap_or_else(|| "shop".into());
        let ready = if ready { "True" } else { "False" };
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec,
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        let reference = ObjectRef::new("v1", "Pod", Some(&namespace), name);
        self = self.with(pod);
        match self.0.pods.iter_mut().find(|(whose, _)| whose == workload) {
            Some((_, pods)) => pods.push(reference),
            None => self.0.pods.push((workload.clone(), vec![reference])),
        }
        self
    }

    fn draft(&self, action: &str, arguments: Value) -> Result<Draft, String> {
        let moment = Moment {
            steps: vec!["rec-1".parse().unwrap(), "rec-001".parse().unwrap(), "rec-002".parse().unwrap()],
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
            marker: "plan_a/rec-1".into(),
            suffix: "0123abcd".into(),
        };
        let catalogue = Catalogue::default();
        let action = catalogue.find(action).unwrap_or_else(|| panic!("no action {action}"));
        let params = arguments.as_object().unwrap().clone();
        if let Some(refused) = violation(action.as_ref(), &params) {
            return Err(refused.reason);
        }
        action.draft(&params, &self.0, &moment).map_err(|refused| refused.reason)
    }

    fn refusal(&self, action: &str, arguments: Value) -> String {
        match self.draft(action, arguments.clone()) {
            Err(reason) => reason,
            Ok(draft) => panic!("{action} {arguments} was not refused: {draft:?}"),
        }
    }
}

fn requests(draft: &Draft) -> Vec<Request> {
    match &draft.work {
        Work::One(request) => vec![request.clone()],
        Work::Several(requests) => requests.clone(),
        other => panic!("{other:?}"),
    }
}

fn edit(request: &Request) -> &ObjectEdit {
    match request {
        Request::Edit(edit) => edit,
        other => panic!("{other:?}"),
    }
}

/// Path and value of every edit of the only request.
fn values(draft: &Draft) -> Vec<(String, Option<Value>)> {
    let requests = requests(draft);
    assert_eq!(requests.len(), 1, "{requests:?}");
    edit(&requests[0])
        .edits
        .iter()
        .map(|edit| (edit.path.pointer(), edit.value.clone()))
        .collect()
}

fn concerns(draft: &Draft) -> String {
    let texts: Vec<String> = draft.concerns.iter().map(|one| format!("{:?}: {}", one.level, one.text)).collect();
    texts.join("\n")
}

/// A Deployment `shop/web` with that container.
fn web(container: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}}})
}

/// Parameters that name it.
fn target(more: Value) -> Value {
    let mut params = json!({"deployment": "web", "namespace": "shop"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}
