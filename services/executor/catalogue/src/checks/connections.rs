//! Pool size times replicas against what the database takes: two harmless steps can be too much together.

use std::collections::BTreeMap;

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use serde_json::Value;

use super::{
    Findings, Scene,
    autoscaler::scaler,
    workloads::{pods, replicas, surge},
};
use crate::{
    actions::WORKLOADS,
    references::items,
    world::{Connections, World},
};

/// The pool of one workload: where its size is said, and how many pods have one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pool {
    key: String,
    size: i64,
    replicas: i64,
}

impl Pool {
    fn most(&self) -> i64 {
        self.size * self.replicas
    }
}

pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for (reference, after) in scene.after.objects.iter().filter(|(one, _)| WORKLOADS.contains(&one.kind.as_str())) {
        let Ok(before) = scene.before.object(reference) else { continue };
        let old = pools(scene.before, reference, before);
        for pool in pools(scene.after, reference, after).into_values() {
            let was = old.get(&pool.key);
            if was.is_some_and(|was| was.most() >= pool.most()) {
                continue;
            }
            if let Some(item) = last(scene, reference, after) {
                judge(scene, item, (reference, after), was, &pool, found);
            }
        }
    }
}

fn judge(scene: &Scene<'_>, item: usize, (workload, object): (&ObjectRef, &Value), was: Option<&Pool>, pool: &Pool, found: &mut Findings) {
    let sum = format!(
        "{} x {} = {} connections of {workload}{}",
        pool.replicas,
        pool.size,
        pool.most(),
        was.map_or_else(String::new, |was| format!(
            " ({} x {} = {} before)",
            was.replicas,
            was.size,
            was.most()
        ))
    );
    let (most, reserved) = match known(scene, workload, object) {
        Ok(known) => known,
        Err(why) => {
            found.note(
                item,
                format!("{sum}: whether its database takes so many could not be checked: {why}; give parameters.maxConnections"),
            );
            return;
        }
    };
    let free = most - reserved;
    let database = format!("the database takes {most} - {reserved} reserved = {free}");
    if pool.most() > free {
        found.refuse(item, format!("{sum}, but {database}: others would be turned away ({})", pool.key));
        return;
    }
    found.note(item, format!("{sum}; {database}"));
    let others = beside(scene, workload);
    let together = pool.most() + others.iter().map(|(_, most)| most).sum::<i64>();
    if together > free {
        let others: Vec<String> = others.iter().map(|(name, most)| format!("{most} of {name}")).collect();
        found.concern(
            item,
            RiskLevel::High,
            format!(
                "{sum}, and with {} that is {together}, but {database}: if they use the same database, some would be turned away",
                others.join(", ")
            ),
        );
    }
    let rollout = pool.size * surge(object);
    if pool.most() + rollout > free {
        found.concern(
            item,
            RiskLevel::High,
            format!("{sum}, and {rollout} more while its pods are replaced, but {database}"),
        );
    }
    if let Some((name, _, greatest)) = scaler(scene.after, workload)
        && greatest * pool.size > free
    {
        found.concern(
            item,
            RiskLevel::High,
            format!(
                "{name} may scale {workload} to {greatest} replicas: {greatest} x {} = {}, but {database}",
                pool.size,
                greatest * pool.size
            ),
        );
    }
}

/// The connections of the other workloads of the namespace whose pools can be seen. The greatest pool of each counts: several are
/// mostly one, told in several ways.
fn beside<'a>(scene: &Scene<'a>, workload: &ObjectRef) -> Vec<(&'a ObjectRef, i64)> {
    scene
        .after
        .objects
        .iter()
        .filter(|(one, _)| WORKLOADS.contains(&one.kind.as_str()) && one.namespace == workload.namespace && !one.same_object(workload))
        .filter_map(|(one, object)| Some((one, pools(scene.after, one, object).values().map(Pool::most).max()?)))
        .collect()
}

/// What an autoscaler may make of a workload: more connections than its database takes, with so many pods.
pub(super) fn too_many(scene: &Scene<'_>, workload: &ObjectRef, object: &Value, most: i64) -> Vec<String> {
    let pools = pools(scene.after, workload, object);
    let (all, reserved) = match known(scene, workload, object) {
        Ok(known) => known,
        Err(_) => return Vec::new(),
    };
    pools
        .values()
        .filter(|pool| pool.size * most > all - reserved)
        .map(|pool| {
            format!(
                "{most} x {} = {} connections of {workload}, but the database takes {all} - {reserved} reserved = {}: others would be turned away ({})",
                pool.size,
                pool.size * most,
                all - reserved,
                pool.key
            )
        })
        .collect()
}

/// What the database takes: what a step that changes the workload or its settings says, else what Prometheus knows.
fn known(scene: &Scene<'_>, workload: &ObjectRef, object: &Value) -> Result<(i64, i64), String> {
    let said = changing(scene, workload, object).find_map(|item| {
        let read = |name: &str| scene.items[item].params.get(name)?.as_i64();
        read("maxConnections").or_else(|| read("max_connections"))
    });
    if let Some(most) = said {
        return Ok((most, 0));
    }
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    match scene.after.connections.iter().find(|(known, _)| known == namespace) {
        Some((_, Connections::Known { most, reserved })) => Ok((*most, *reserved)),
        Some((_, Connections::Unknown(why))) => Err(why.clone()),
        None => Err("it was not asked for".into()),
    }
}

/// The last step that changes the workload or a ConfigMap that it reads.
fn last(scene: &Scene<'_>, workload: &ObjectRef, object: &Value) -> Option<usize> {
    changing(scene, workload, object).last()
}

/// The steps that change the workload or a ConfigMap that it reads.
fn changing<'a>(scene: &'a Scene<'_>, workload: &'a ObjectRef, object: &'a Value) -> impl Iterator<Item = usize> + use<'a> {
    let template = object.pointer("/spec/template").unwrap_or(&Value::Null);
    let maps = crate::references::References::ConfigMap.names(template);
    scene
        .edits()
        .filter(move |(_, edit)| {
            let map = edit.target.kind == "ConfigMap" && edit.target.namespace == workload.namespace;
            edit.target.same_object(workload) || map && maps.contains(edit.target.name.as_str())
        })
        .map(|(item, _)| item)
}

/// The pools of a workload by the name of their setting: from environment variables and the ConfigMaps it reads.
fn pools(world: &World, reference: &ObjectRef, workload: &Value) -> BTreeMap<String, Pool> {
    let map = |name: &str| {
        world
            .object(&ObjectRef::new("v1", "ConfigMap", reference.namespace.as_deref(), name))
            .ok()
    };
    // Every container has a pool of its own.
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    for container in items(pods(workload), "/containers") {
        let mut own: BTreeMap<String, i64> = BTreeMap::new();
        for entry in items(container, "/envFrom") {
            let data = text(entry, "/configMapRef/name")
                .and_then(map)
                .and_then(|map| map.get("data")?.as_object());
            own.extend(data.into_iter().flatten().filter_map(|(key, value)| size(key, value.as_str()?)));
        }
        for entry in items(container, "/env") {
            let Some(name) = text(entry, "/name") else { continue };
            let referred = || {
                let key = text(entry, "/valueFrom/configMapKeyRef/key")?;
                map(text(entry, "/valueFrom/configMapKeyRef/name")?)?
                    .get("data")?
                    .get(key)?
                    .as_str()
            };
            own.extend(text(entry, "/value").or_else(referred).and_then(|value| size(name, value)));
        }
        for (key, size) in own {
            *found.entry(key).or_default() += size;
        }
    }
    // Mounted as files, keys are read by programs that name their settings the same way.
    for volume in items(pods(workload), "/volumes") {
        let data = text(volume, "/configMap/name")
            .and_then(map)
            .and_then(|map| map.get("data")?.as_object());
        for (key, size) in data.into_iter().flatten().filter_map(|(key, value)| size(key, value.as_str()?)) {
            found.entry(key).or_insert(size);
        }
    }
    let replicas = replicas(workload);
    found
        .into_iter()
        .map(|(key, size)| (key.clone(), Pool { key, size, replicas }))
        .collect()
}

/// Name and size, if that is the setting of a pool's size.
fn size(key: &str, value: &str) -> Option<(String, i64)> {
    let name: String = key.to_uppercase().replace(['-', '.'], "_");
    let pool = ["POOL_SIZE", "POOL_MAX", "MAX_POOL", "MAX_OPEN_CONN", "MAXIMUM_POOL"];
    // Pools of something else than connections.
    let other = ["THREAD", "WORKER", "ROUTINE", "BUFFER", "MEMORY"];
    if !pool.iter().any(|word| name.contains(word)) || other.iter().any(|word| name.contains(word)) {
        return None;
    }
    let size: i64 = value.trim().parse().ok()?;
    (size > 0).then(|| (key.to_owned(), size))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}
