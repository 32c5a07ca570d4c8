//! `restore_object`: an object as it was recorded.

use paramedic_domain::{
    change::{Confirm, Wait},
    object::ObjectRef,
    risk::RiskLevel,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{BuiltIn, parse, refuse, schema_of, workload::WORKLOADS};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused, Request},
    patch::{Edit, Path},
    prepare::reference,
    redact::MASK,
    world::{Need, World, with_uid},
};

/// Kinds that are never restored: secrets are not for plans, rights are for people, and the others are made by controllers.
const NEVER: &[&str] = &[
    "Secret",
    "Pod",
    "Node",
    "Namespace",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Event",
    "Lease",
    "Endpoints",
    "EndpointSlice",
    "ReplicaSet",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ServiceAccount",
    "CustomResourceDefinition",
    "APIService",
];
/// What is restored of an object, besides its `spec`.
const PLAIN: [&str; 2] = ["data", "binaryData"];

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "restore_object",
    aliases: &["restore", "revert_object"],
    about: About {
        description: "puts the spec or data of an object back as it was recorded; an object that is gone is created again",
        risk: "medium: it depends on what differs, see the comparison; pods are replaced when a template differs",
        undo: "the present values are put back, or the new object is deleted",
        dry_run: "server-side dry run of the patch or creation",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 900,
    typical_seconds: 60,
    schema: schema_of::<Restore>,
    needs,
    draft,
};

/// What was recorded; exactly one of object and artifact.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Restore {
    /// The whole object as it was: apiVersion, kind, metadata and spec or data.
    object: Option<Map<String, Value>>,
    /// Name of an artifact with the object as a step kept it: `inc_1/plan_1/rec-001/workload.json`, which `collect_diagnostics` keeps. It
    /// must be in the log of that incident, and its content must have the digest that the log says.
    artifact: Option<String>,
    /// Whether fields that the record does not have are removed; left out, they stay, since manifests leave out defaults.
    #[serde(default)]
    exact: bool,
}

/// Where the record comes from.
enum Source<'a> {
    Given(Value),
    Artifact(&'a str),
}

impl Restore {
    fn source(&self) -> Result<Source<'_>, Refused> {
        match (&self.object, &self.artifact) {
            (Some(object), None) => Ok(Source::Given(Value::Object(object.clone()))),
            (None, Some(artifact)) => Ok(Source::Artifact(artifact)),
            (Some(_), Some(_)) | (None, None) => refuse("parameters: exactly one of object and artifact must be given"),
        }
    }
}

fn target(recorded: &Value, parameter: &str) -> Result<ObjectRef, Refused> {
    let Some(target) = reference(recorded) else {
        return Err(Refused::parameter(parameter, "it has no apiVersion, kind or metadata.name"));
    };
    if NEVER.contains(&target.kind.as_str()) {
        return Err(Refused::parameter(
            parameter,
            format!("a {} is not restored from a plan", target.kind),
        ));
    }
    Ok(target)
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(vec![match parse::<Restore>(params)?.source()? {
        Source::Given(object) => Need::Object(target(&object, "/object")?),
        Source::Artifact(artifact) => Need::Recorded(artifact.to_owned()),
    }])
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Restore = parse(params)?;
    let (recorded, target) = match params.source()? {
        Source::Given(object) => {
            let target = target(&object, "/object")?;
            (object, target)
        }
        Source::Artifact(artifact) => {
            let kept = world.recorded(artifact)?;
            let target = target(kept, "/artifact")?;
            let hidden = |path: String| {
                Refused::parameter(
                    "/artifact",
                    format!(
                        "{path} of {target} was masked when it was kept, and the object has nothing there now: it cannot be put back exactly"
                    ),
                )
            };
            (unmasked(kept, world.object(&target).ok(), "").map_err(hidden)?, target)
        }
    };
    let Ok(object) = world.object(&target) else {
        return Ok(Draft::from(Request::Create {
            object: bare(recorded),
            wait: waits(&target),
            irreversible: None,
        })
        .concern(
            RiskLevel::Medium,
            format!("{target} does not exist: it is created as it was recorded"),
        ));
    };
    let mut edits = Vec::new();
    for field in PLAIN {
        fields(object, &recorded, field, params.exact, &mut edits);
    }
    fields(object, &recorded, "spec", params.exact, &mut edits);
    if edits.is_empty() {
        return refuse(format!("{target} is as it was recorded"));
    }
    let template = WORKLOADS.contains(&target.kind.as_str()) && edits.iter().any(|edit| edit.path == Path::new(["spec", "template"]));
    let names: Vec<String> = edits.iter().map(|edit| edit.path.pointer()).collect();
    let exact = with_uid(&target, object);
    let edit = if template {
        ObjectEdit::template(exact, edits, Confirm::RolledOut)
    } else {
        ObjectEdit::plain(exact, edits).wait(waits(&target))
    };
    Ok(Draft::from(edit).note(format!("of {target} these are put back: {}", names.join(", "))))
}

/// The record with what was masked in it as it is now: values of environment variables are kept nowhere, so they stay as they
/// are. Items of lists are the same when their names are, and else when their places are.
///
/// # Errors
/// The path of what was masked and is not there now.
fn unmasked(kept: &Value, present: Option<&Value>, path: &str) -> Result<Value, String> {
    match kept {
        Value::String(text) if text.contains(MASK) => present.filter(|now| now.is_string()).cloned().ok_or_else(|| path.to_owned()),
        Value::Array(items) => {
            let now = present.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let same = |index: usize, item: &Value| match item.get("name") {
                Some(name) => now.iter().find(|other| other.get("name") == Some(name)),
                None => now.get(index),
            };
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| unmasked(item, same(index, item), &format!("{path}[{index}]")))
                .collect()
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let now = present.and_then(|present| present.get(name));
                Ok((name.clone(), unmasked(value, now, &format!("{path}.{name}"))?))
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(kept.clone()),
    }
}

/// Members of one field that differ from the record.
fn fields(object: &Value, recorded: &Value, field: &str, exact: bool, edits: &mut Vec<Edit>) {
    let Some(wanted) = recorded.get(field).and_then(Value::as_object) else {
        return;
    };
    let present = object.get(field).and_then(Value::as_object);
    for (name, value) in wanted {
        if present.and_then(|present| present.get(name)) != Some(value) {
            edits.push(Edit::set(Path::new([field, name]), value.clone()));
        }
    }
    if exact {
        let gone = present.into_iter().flatten().filter(|(name, _)| !wanted.contains_key(*name));
        edits.extend(gone.map(|(name, _)| Edit::remove(Path::new([field, name]))));
    }
}

fn waits(target: &ObjectRef) -> Wait {
    if WORKLOADS.contains(&target.kind.as_str()) {
        Wait::Rollout
    } else {
        Wait::Accepted
    }
}

/// Without what the server assigns.
fn bare(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| matches!(name.as_str(), "name" | "namespace" | "labels" | "annotations"));
    }
    object
}
