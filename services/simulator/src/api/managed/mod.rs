//! Who owns which field: `metadata.managedFields` for updates and for server-side apply.

mod set;
#[cfg(test)]
mod tests;
mod walk;

use serde_json::{Value, json};

use super::{
    catalog::Resource,
    schema::{Node, SCHEMAS},
};
use crate::store::{Status, rfc3339};
pub use set::FieldSet;

/// Who writes, and through which door.
#[derive(Clone, Debug)]
pub struct Writer {
    /// `fieldManager`, or the first word of the user agent.
    pub manager: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// When (simulated time).
    pub at: jiff::Timestamp,
}

/// One entry of `managedFields`.
#[derive(Clone, Debug)]
struct Entry {
    manager: String,
    operation: String,
    api_version: String,
    subresource: String,
    time: Value,
    set: FieldSet,
}

/// Fields nobody owns.
fn unowned() -> FieldSet {
    let mut out = FieldSet::default();
    let path = |parts: &[&str]| parts.iter().map(|p| format!("f:{p}")).collect::<Vec<_>>();
    for single in ["apiVersion", "kind", "metadata"] {
        out.insert(&path(&[single]));
    }
    for field in [
        "name",
        "namespace",
        "creationTimestamp",
        "uid",
        "generation",
        "resourceVersion",
        "selfLink",
    ] {
        out.insert(&path(&["metadata", field]));
    }
    for field in ["managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        out.insert(&path(&["metadata", field]));
    }
    out
}

/// The parts of an object that exist even in an empty one, so that nobody owns the part itself.
fn skeleton() -> Value {
    json!({"metadata": {}, "status": {}, "spec": {"containers": [],
        "strategy": {}, "updateStrategy": {}, "scaleTargetRef": {}, "template": {"metadata": {}, "spec": {"containers": []}}}})
}

fn node(resource: &Resource) -> Option<Node<'static>> {
    SCHEMAS.kind(resource.group, resource.version, resource.kind)
}

fn bare(object: &Value) -> Value {
    let mut out = object.clone();
    if let Some(map) = out.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    if let Some(meta) = out["metadata"].as_object_mut() {
        meta.remove("managedFields");
    }
    out
}

fn read(object: &Value) -> Vec<Entry> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|entry| Entry {
            manager: text(entry, "manager"),
            operation: text(entry, "operation"),
            api_version: text(entry, "apiVersion"),
            subresource: text(entry, "subresource"),
            time: entry["time"].clone(),
            set: FieldSet::from_json(&entry["fieldsV1"]),
        })
        .collect()
}

fn write(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.set.is_empty());
    // Applies first, then by age.
    entries.sort_by_key(|e| (e.operation != "Apply", e.time.as_str().map(str::to_owned)));
    let list: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut out = json!({"manager": entry.manager, "operation": entry.operation, "apiVersion": entry.api_version,
                "time": entry.time, "fieldsType": "FieldsV1", "fieldsV1": entry.set.to_json()});
            if !entry.subresource.is_empty() {
                out["subresource"] = json!(entry.subresource);
            }
            out
        })
        .collect();
    let Some(meta) = object["metadata"].as_object_mut() else { return };
    if list.is_empty() {
        meta.remove("managedFields");
    } else {
        meta.insert("managedFields".to_owned(), Value::Array(list));
    }
}

/// Records what a create or update changed. `old` is `None` for a create.
pub fn track_update(resource: &Resource, old: Option<&Value>, new: &mut Value, writer: &Writer) {
    let before = old.map_or_else(skeleton, bare);
    let difference = walk::compare(node(resource), Some(&before), Some(&bare(new)));
    let (changed, removed) = (difference.set.minus(&unowned()), difference.removed.minus(&unowned()));
    let mut entries = old.map(read).unwrap_or_default();
    let api_version = resource.gvr().api_version();
    let mine = entries.iter().position(|e| {
        e.operation == "Update" && e.manager == writer.manager && e.subresource == writer.subresource && e.api_version == api_version
    });
    for (index, entry) in entries.iter_mut().enumerate() {
        if Some(index) != mine {
            entry.set = std::mem::take(&mut entry.set).minus(&changed);
        }
        entry.set = std::mem::take(&mut entry.set).minus(&removed);
    }
    if !changed.is_empty() {
        let time = json!(rfc3339(writer.at));
        match mine {
            Some(index) => {
                entries[index].set = std::mem::take(&mut entries[index].set).union(&changed);
                entries[index].time = time;
            }
            None => entries.push(Entry {
                manager: writer.manager.clone(),
                operation: "Update".to_owned(),
                api_version,
                subresource: writer.subresource.clone(),
                time,
                set: changed,
            }),
        }
    }
    write(new, entries);
}

/// The result of a server-side apply of `config` by `writer`, with its managed fields; 409 on conflicts unless `force`.
pub fn apply(resource: &Resource, live: Option<&Value>, config: &Value, writer: &Writer, force: bool) -> Result<Value, Status> {
    let node = node(resource);
    let claim = walk::claimed(node, &bare(config)).minus(&unowned());
    let api_version = resource.gvr().api_version();
    let mut entries = live.map(read).unwrap_or_default();
    let mine = entries
        .iter()
        .position(|e| e.operation == "Apply" && e.manager == writer.manager && e.subresource == writer.subresource);
    let before = live.map_or_else(|| json!({}), bare);
    let mut merged = walk::merge(node, &before, &bare(config));

    let difference = walk::compare(node, Some(&before), Some(&merged));
    let mut conflicts = Vec::new();
    for (index, entry) in entries.iter_mut().enumerate().filter(|(index, _)| Some(*index) != mine) {
        let both = entry.set.common(&difference.set).common(&claim);
        if both.is_empty() {
            continue;
        }
        if force {
            entry.set = std::mem::take(&mut entry.set).minus(&both);
        } else {
            conflicts.extend(both.paths().into_iter().map(|path| (index, path)));
        }
    }
    if !conflicts.is_empty() {
        return Err(conflict(&entries, &conflicts));
    }

    // What this manager applied before and no longer does goes, unless somebody else owns it too.
    if let Some(index) = mine {
        let dropped = entries[index].set.clone().minus(&claim);
        for path in dropped.paths().iter().rev() {
            let owned = entries.iter().enumerate().any(|(other, e)| other != index && e.set.contains(path));
            if !owned {
                walk::remove(node, &mut merged, path);
            }
        }
    }

    let mut out = live.cloned().unwrap_or_else(|| config.clone());
    if let (Some(out), Value::Object(merged)) = (out.as_object_mut(), merged) {
        let heads: Vec<(String, Value)> = ["kind", "apiVersion"]
            .iter()
            .filter_map(|k| Some(((*k).to_owned(), out.get(*k)?.clone())))
            .collect();
        *out = merged;
        out.extend(heads);
    }
    let time = json!(rfc3339(writer.at));
    match mine {
        Some(index) => {
            if entries[index].set != claim || difference.set != FieldSet::default() {
                entries[index].time = time;
            }
            entries[index].set = claim;
            entries[index].api_version = api_version;
        }
        None => entries.push(Entry {
            manager: writer.manager.clone(),
            operation: "Apply".to_owned(),
            api_version,
            subresource: writer.subresource.clone(),
            time,
            set: claim,
        }),
    }
    write(&mut out, entries);
    Ok(out)
}

fn conflict(entries: &[Entry], conflicts: &[(usize, Vec<String>)]) -> Status {
    let who = |index: usize| {
        let entry = &entries[index];
        let through = if entry.subresource.is_empty() {
            String::new()
        } else {
            format!(" with subresource \"{}\"", entry.subresource)
        };
        match entry.operation.as_str() {
            "Update" => format!("\"{}\"{through} using {}", entry.manager, entry.api_version),
            _ => format!("\"{}\"{through}", entry.manager),
        }
    };
    let (count, s) = (conflicts.len(), if conflicts.len() == 1 { "" } else { "s" });
    let text = match conflicts {
        [(index, path)] => format!("conflict with {}: {}", who(*index), set::shown(path)),
        many => {
            let mut groups: Vec<(usize, Vec<String>)> = Vec::new();
            for (index, path) in many {
                match groups.iter_mut().find(|(i, _)| i == index) {
                    Some((_, paths)) => paths.push(set::shown(path)),
                    None => groups.push((*index, vec![set::shown(path)])),
                }
            }
            let one = |(index, paths): &(usize, Vec<String>)| {
                let lines: Vec<String> = paths.iter().map(|p| format!("- {p}")).collect();
                format!("conflicts with {}:\n{}", who(*index), lines.join("\n"))
            };
            groups.iter().map(one).collect::<Vec<_>>().join("\n")
        }
    };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(index, path)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {}", who(*index)), "field": set::shown(path)})
        })
        .collect();
    Status::new(409, "Conflict", format!("Apply failed with {count} conflict{s}: {text}")).with_details(json!({"causes": causes}))
}
