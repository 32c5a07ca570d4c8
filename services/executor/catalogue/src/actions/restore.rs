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

/// What was recorded.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Restore {
    /// The whole object as it was: apiVersion, kind, metadata and spec or data.
    object: Map<String, Value>,
    /// Whether fields that the record does not have are removed; left out, they stay, since manifests leave out defaults.
    #[serde(default)]
    exact: bool,
}

fn target(params: &Restore) -> Result<(Value, ObjectRef), Refused> {
    let recorded = Value::Object(params.object.clone());
    let Some(target) = reference(&recorded) else {
        return Err(Refused::parameter("/object", "it has no apiVersion, kind or metadata.name"));
    };
    if NEVER.contains(&target.kind.as_str()) {
        return Err(Refused::parameter(
            "/object",
            format!("a {} is not restored from a plan", target.kind),
        ));
    }
    Ok((recorded, target))
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let (_, target) = target(&parse(params)?)?;
    Ok(vec![Need::Object(target)])
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Restore = parse(params)?;
    let (recorded, target) = target(&params)?;
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
