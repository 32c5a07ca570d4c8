//! `as=Table` and `as=PartialObjectMetadata`: what `kubectl get` prints.

mod columns;
mod rows;
mod text;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{catalog::Resource, convert};

/// In which form objects are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// As they are.
    Plain,
    /// As a table whose rows carry metadata (`Metadata`), the whole object (`Object`) or nothing (`None`).
    Table {
        /// `includeObject`.
        include: Include,
    },
    /// Only their metadata.
    Metadata,
}

/// What a table row carries besides its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    None,
    /// `PartialObjectMetadata`.
    Metadata,
    /// The object.
    Object,
}

impl View {
    /// The first form of the `Accept` header that this server can give.
    pub fn parse(accept: &str, include: Option<&str>) -> Self {
        for media in accept.split(',') {
            let wants = |text: &str| media.split(';').any(|part| part.trim() == text);
            if wants("as=Table") && (wants("v=v1") || wants("v=v1beta1")) {
                let include = match include {
                    Some("None") => Include::None,
                    Some("Object") => Include::Object,
                    _ => Include::Metadata,
                };
                return Self::Table { include };
            }
            if wants("as=PartialObjectMetadata") || wants("as=PartialObjectMetadataList") {
                return Self::Metadata;
            }
            if wants("application/json") || wants("*/*") {
                return Self::Plain;
            }
        }
        Self::Plain
    }
}

/// Objects in the wanted form: a table of them, or the metadata of one.
pub fn render(resource: &Resource, objects: &[Value], view: &View, now: Timestamp, meta: Value) -> Value {
    match view {
        View::Plain => Value::Array(objects.to_vec()),
        View::Metadata => objects.first().map_or(Value::Null, partial),
        View::Table { include } => {
            let rows: Vec<Value> = objects
                .iter()
                .map(|object| {
                    let mut row = json!({"cells": rows::cells(resource, object, now)});
                    if resource.plural == "pods" && resource.group.is_empty() {
                        add_conditions(&mut row, object);
                    }
                    match include {
                        Include::None => row["object"] = Value::Null,
                        Include::Metadata => row["object"] = partial(object),
                        Include::Object => row["object"] = object.clone(),
                    }
                    row
                })
                .collect();
            let body = json!({"metadata": meta, "columnDefinitions": columns::of(resource), "rows": rows});
            convert::headed("Table", "meta.k8s.io/v1", body)
        }
    }
}

/// The metadata of a whole list, whatever its length.
pub fn metadata_list(objects: &[Value], meta: Value) -> Value {
    let items: Vec<Value> = objects.iter().map(partial).collect();
    convert::headed(
        "PartialObjectMetadataList",
        "meta.k8s.io/v1",
        json!({"metadata": meta, "items": items}),
    )
}

fn partial(object: &Value) -> Value {
    convert::headed("PartialObjectMetadata", "meta.k8s.io/v1", json!({"metadata": object["metadata"]}))
}

/// Finished pods are marked so that `kubectl get` can hide them.
fn add_conditions(row: &mut Value, pod: &Value) {
    let (reason, message) = match pod["status"]["phase"].as_str() {
        Some("Succeeded") => ("Succeeded", "The pod has completed successfully."),
        Some("Failed") => ("Failed", "The pod failed."),
        _ => return,
    };
    row["conditions"] = json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]);
}
