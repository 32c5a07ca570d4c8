//! Applications of Argo CD.

use serde_json::Value;

use super::{Applied, Delivery, Failure, Origin, Owner};
use crate::core::read::{count, each, text, time};

pub(super) fn read(owner: &Owner, object: &Value) -> Delivery {
    let policy = &object["spec"]["syncPolicy"]["automated"];
    let automatic = policy.is_object() && policy["enabled"] != Value::Bool(false);
    // It appends: its newest is its last.
    let mut history: Vec<Applied> = each(object, "/status/history")
        .filter_map(|one| {
            Some(Applied {
                at: time(one, "/deployedAt")?,
                revision: revision(one),
                good: true,
            })
        })
        .collect();
    history.sort_by_key(|one| std::cmp::Reverse(one.at));
    let applied = history.first().map(|one| one.revision.clone());
    Delivery {
        tool: owner.tool,
        owner: owner.object.clone(),
        query: owner.path(),
        workloads: owner.workloads.clone(),
        sync: text(object, "/status/sync/status").to_owned(),
        health: text(object, "/status/health/status").to_owned(),
        revision: applied.unwrap_or_else(|| revision(&object["status"]["sync"])),
        failure: failure(object),
        automatic,
        reverts: automatic && policy["selfHeal"] == Value::Bool(true),
        history,
        origin: origin(object),
    }
}

/// Annotation with the paths on which the manifests depend, relative to the source's own unless they begin with a slash.
const ALSO: &str = "/metadata/annotations/argocd.argoproj.io~1manifest-generate-paths";

fn origin(object: &Value) -> Vec<Origin> {
    let one = object.pointer("/spec/source").into_iter();
    let all = one
        .chain(each(object, "/spec/sources"))
        .filter(|source| text(source, "/chart").is_empty());
    all.map(|source| {
        let path = text(source, "/path").trim_matches(['.', '/']);
        let also = text(object, ALSO).split(';').filter(|more| !more.is_empty());
        let also = also.filter_map(|more| match more.strip_prefix('/') {
            Some(whole) => Some(whole.to_owned()),
            None => joined(path, more),
        });
        Origin {
            url: text(source, "/repoURL").to_owned(),
            revision: text(source, "/targetRevision").to_owned(),
            paths: std::iter::once(path.to_owned()).chain(also).collect(),
        }
    })
    .collect()
}

/// A path relative to another; `None` where it leads out of the repository.
fn joined(path: &str, more: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    for part in more.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What was applied, of one source or of several.
fn revision(of: &Value) -> String {
    match text(of, "/revision") {
        "" => {
            let several: Vec<&str> = each(of, "/revisions").filter_map(Value::as_str).collect();
            several.join(", ")
        }
        one => one.to_owned(),
    }
}

/// The operation that failed or fails again and again, or what keeps it from being tried.
fn failure(object: &Value) -> Option<Failure> {
    let operation = &object["status"]["operationState"];
    let phase = text(operation, "/phase");
    let again = phase == "Running" && count(operation, "/retryCount").unwrap_or(0) > 0;
    if again || ["Failed", "Error"].contains(&phase) {
        return Some(Failure {
            at: time(operation, "/finishedAt").or_else(|| time(operation, "/startedAt")),
            reason: phase.to_owned(),
            message: text(operation, "/message").to_owned(),
            symptom: false,
        });
    }
    let wrong = each(object, "/status/conditions").find(|condition| text(condition, "/type").ends_with("Error"))?;
    Some(Failure {
        at: time(wrong, "/lastTransitionTime"),
        reason: text(wrong, "/type").to_owned(),
        message: text(wrong, "/message").to_owned(),
        symptom: false,
    })
}
