//! `/openapi/v3` and `/openapi/v2`, made from the embedded definitions.

mod proto;

use std::sync::LazyLock;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    catalog::{self, Resource},
    custom::Kinds,
    reply::Reply,
    schema::SCHEMAS,
};

/// Answers a path under `/openapi`; `None` when there is nothing.
pub fn answer(kinds: &Kinds, path: &str, accept: &str) -> Option<Reply> {
    match path {
        "/openapi/v2" if accept.contains("proto-openapi.spec.v2") => Some(protobuf()),
        "/openapi/v2" => Some(Reply::ok(v2())),
        "/openapi/v3" => Some(Reply::ok(v3_index(kinds))),
        _ => {
            let place = path.strip_prefix("/openapi/v3/")?;
            Some(Reply::ok(v3(kinds, place)?))
        }
    }
}

/// Made once: it is asked for by every kubectl call that validates.
static V2_PROTOBUF: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(proto::document(&v2())));

fn protobuf() -> Reply {
    let mut response = Response::new(Body::from(V2_PROTOBUF.clone()));
    let content_type = HeaderValue::from_static("application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Reply::Raw(response)
}

/// `(api/v1 or apis/<group>/<version>, group, version)` of everything served.
fn places(kinds: &Kinds) -> Vec<(String, &'static str, &'static str)> {
    let mut out = vec![("api/v1".to_owned(), "", "v1")];
    for (group, versions) in kinds.groups() {
        out.extend(
            versions
                .into_iter()
                .map(|version| (format!("apis/{group}/{version}"), group, version)),
        );
    }
    out
}

fn v3_index(kinds: &Kinds) -> Value {
    let paths: Map<String, Value> = places(kinds)
        .into_iter()
        .map(|(place, ..)| {
            let hash = hex::encode_upper(Sha256::digest(&place));
            let url = format!("/openapi/v3/{place}?hash={hash}");
            (place, json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths})
}

fn v3(kinds: &Kinds, place: &str) -> Option<Value> {
    let (_, group, version) = places(kinds).into_iter().find(|(have, ..)| have == place)?;
    let mut wanted = Vec::new();
    let mut paths = Map::new();
    for resource in kinds.of_version(group, version) {
        add_paths(resource, &mut paths);
        wanted.extend(SCHEMAS.name_of(group, version, resource.kind));
        wanted.extend(SCHEMAS.name_of(group, version, &format!("{}List", resource.kind)));
    }
    let schemas: Map<String, Value> = reachable(&wanted)
        .into_iter()
        .map(|name| (name.to_owned(), moved(&SCHEMAS.definitions()[name])))
        .collect();
    Some(
        json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": paths,
        "components": {"schemas": schemas}}),
    )
}

/// The definitions that the wanted ones refer to, themselves included.
fn reachable<'a>(wanted: &[&'a str]) -> Vec<&'a str>
where
    'static: 'a,
{
    let mut out: Vec<&'a str> = Vec::new();
    let mut stack: Vec<&'a str> = wanted.to_vec();
    while let Some(name) = stack.pop() {
        if out.contains(&name) {
            continue;
        }
        out.push(name);
        references(&SCHEMAS.definitions()[name], &mut stack);
    }
    out.sort_unstable();
    out
}

fn references<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                match (key.as_str(), child.as_str()) {
                    ("$ref", Some(reference)) => out.extend(reference.rsplit('/').next()),
                    _ => references(child, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, out)),
        _ => {}
    }
}

/// References of version 3 point into `components`, and a field with a reference says the rest beside `allOf`.
fn moved(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut out: Map<String, Value> = map.iter().map(|(key, child)| (key.clone(), moved(child))).collect();
            if let Some(Value::String(reference)) = out.remove("$ref") {
                let target = json!({"$ref": reference.replace("#/definitions/", "#/components/schemas/")});
                if out.is_empty() {
                    return target;
                }
                out.insert("allOf".to_owned(), json!([target]));
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(items.iter().map(moved).collect()),
        other => other.clone(),
    }
}

fn base(resource: &Resource) -> String {
    let root = if resource.group.is_empty() {
        "/api/v1".to_owned()
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    if resource.namespaced {
        format!("{root}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        format!("{root}/{}", resource.plural)
    }
}

/// Operations with the parameters that clients look for before they use them.
fn add_paths(resource: &Resource, paths: &mut Map<String, Value>) {
    let gvk = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    let operation = |action: &str, parameters: &[&str]| {
        let list: Vec<Value> = parameters.iter().map(|name| parameter(name)).collect();
        json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk, "parameters": list,
            "responses": {"200": {"description": "OK"}}})
    };
    let write = ["dryRun", "fieldManager", "fieldValidation"];
    let (mut collection, mut object) = (Map::new(), Map::new());
    for verb in resource.verbs {
        match *verb {
            "create" => collection.insert("post".to_owned(), operation("post", &write)),
            "list" => collection.insert(
                "get".to_owned(),
                operation("list", &["labelSelector", "fieldSelector", "limit", "continue"]),
            ),
            "deletecollection" => collection.insert("delete".to_owned(), operation("deletecollection", &["dryRun"])),
            "get" => object.insert("get".to_owned(), operation("get", &[])),
            "update" => object.insert("put".to_owned(), operation("put", &write)),
            "patch" => object.insert(
                "patch".to_owned(),
                operation("patch", &["dryRun", "fieldManager", "fieldValidation", "force"]),
            ),
            "delete" => object.insert(
                "delete".to_owned(),
                operation("delete", &["dryRun", "gracePeriodSeconds", "propagationPolicy"]),
            ),
            _ => None,
        };
    }
    let at = base(resource);
    if !object.is_empty() {
        paths.insert(format!("{at}/{{name}}"), Value::Object(object));
    }
    paths.insert(at, Value::Object(collection));
}

fn v2() -> Value {
    let mut paths = Map::new();
    catalog::RESOURCES.iter().for_each(|resource| add_paths(resource, &mut paths));
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": paths,
        "definitions": SCHEMAS.definitions()})
}
