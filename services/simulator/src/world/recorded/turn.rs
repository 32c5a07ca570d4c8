//! The world becomes another one: its objects take the place of those of the same name.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{boot, wake::Waker};
use crate::{
    store::{Gvr, Store},
    world::obj,
};

/// The annotation of an object that is not there any more.
const GONE: &str = "case.paramedic.dev/gone";

/// Writes objects over those that are there. `before` are the objects as they were recorded.
pub(super) fn turn(store: &Store, files: &[Value], before: &[Value], waker: &mut Waker, now: Timestamp) {
    let objects = match boot::complete(store, files, now) {
        Ok(objects) => objects,
        Err(error) => {
            tracing::error!(%error, "what the world becomes cannot be written; it stays as it is");
            return;
        }
    };
    for ((gvr, object), file) in objects.into_iter().zip(files) {
        let there = boot::existing(store, &gvr, &object);
        if object["metadata"]["annotations"][GONE] == "true" {
            if let Some(there) = there {
                remove(store, &gvr, &there, waker);
            }
            continue;
        }
        let recorded = before.iter().find(|known| same(known, &object)).unwrap_or(&Value::Null);
        let written = match there {
            Some(there) => {
                let ns = obj::namespace(&there);
                store.update(&gvr, (!ns.is_empty()).then_some(ns), obj::name(&there), &mut |current| {
                    merge(current, recorded, file);
                    Ok(())
                })
            }
            None => store.create(&gvr, object.clone()).inspect(|made| {
                // What an awake controller owns is its business.
                let owned = obj::controller(made).is_some_and(|(.., uid)| !store.is_still(uid));
                if !owned {
                    store.hold_still(obj::uid(made));
                }
            }),
        };
        match written {
            Ok(written) => waker.ours(&written),
            Err(status) => tracing::error!(%gvr, name = obj::name(&object), message = status.message, "an object could not be written"),
        }
    }
}

fn same(a: &Value, b: &Value) -> bool {
    a["kind"] == b["kind"] && obj::name(a) == obj::name(b) && obj::namespace(a) == obj::namespace(b)
}

fn remove(store: &Store, gvr: &Gvr, object: &Value, waker: &mut Waker) {
    let ns = obj::namespace(object);
    match store.delete(gvr, (!ns.is_empty()).then_some(ns), obj::name(object)) {
        Ok(last) => {
            store.wake(obj::uid(object));
            waker.ours(&last);
        }
        Err(status) => tracing::debug!(message = status.message, "an object was gone already"),
    }
}

/// The file's object over the current one: what the file gives and the recording did not say already wins; the rest of `spec`,
/// `data` and metadata stays as clients left it. The status is the file's.
fn merge(current: &mut Value, recorded: &Value, file: &Value) {
    let Some(given) = file.as_object() else { return };
    for (key, value) in given {
        match key.as_str() {
            "status" => {
                let generation = current["metadata"]["generation"].clone();
                let seen = |status: &Value| status["observedGeneration"].is_i64();
                let told = seen(value) || seen(&current["status"]);
                current["status"] = value.clone();
                if generation.is_i64() && told && value.is_object() {
                    current["status"]["observedGeneration"] = generation;
                }
            }
            "metadata" => {
                for part in ["labels", "annotations"] {
                    if value[part].is_object() {
                        overlay(&mut current["metadata"][part], &recorded["metadata"][part], &value[part]);
                    }
                }
            }
            _ => overlay(&mut current[key], &recorded[key], value),
        }
    }
}

/// Three-way: what the file says differently from the recording is taken over.
fn overlay(current: &mut Value, recorded: &Value, file: &Value) {
    if file == recorded {
        return;
    }
    match (&mut *current, file) {
        (Value::Object(current), Value::Object(file)) => {
            for (key, value) in file {
                let one = current.entry(key.clone()).or_insert(Value::Null);
                overlay(one, &recorded[key], value);
            }
        }
        (Value::Array(current), Value::Array(file)) if named(current) && named(file) => {
            for one in file {
                let find = |list: &[Value]| list.iter().position(|other| other["name"] == one["name"]);
                let known = recorded.as_array().and_then(|list| find(list).map(|i| list[i].clone()));
                match find(current) {
                    Some(i) => overlay(&mut current[i], &known.unwrap_or_default(), one),
                    None => current.push(one.clone()),
                }
            }
        }
        _ => *current = file.clone(),
    }
}

fn named(list: &[Value]) -> bool {
    list.iter().all(|one| one.get("name").is_some_and(Value::is_string))
}

/// The objects of a world that had become worse, as they were recorded: what made it worse is undone when it is fixed.
pub(super) fn undone(first: &[Value], wrong: &[Value]) -> Vec<Value> {
    wrong
        .iter()
        .map(|worse| match first.iter().find(|known| same(known, worse)) {
            Some(known) => known.clone(),
            None => {
                let mut gone = worse.clone();
                if !gone["metadata"]["annotations"].is_object() {
                    gone["metadata"]["annotations"] = Value::Object(Map::new());
                }
                gone["metadata"]["annotations"][GONE] = Value::from("true");
                gone
            }
        })
        .collect()
}
