//! `patch_config_map`: values of a ConfigMap, and a restart of what reads them if that is wanted.

use std::collections::BTreeMap;

use paramedic_domain::{change::Wait, object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{RESTARTED_AT, all_workloads, databases, reads, restarts, surroundings, template, workloads_of},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused, Request},
    patch::{Edit, Path},
    redact::names_a_secret,
    references::References,
    world::{Need, World, with_uid},
};

/// Most workloads that one step restarts.
const MOST: usize = 10;
/// Largest ConfigMap that Kubernetes takes, in bytes.
const LARGEST: usize = 1 << 20;

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "patch_config_map",
    aliases: &["patch_configmap", "update_config_map", "update_configmap"],
    about: About {
        description: "sets or removes values of a ConfigMap; with restart, every workload that reads it is rolled out with the new values",
        risk: "low without a restart; medium with one; high when the values ask more of a database than it takes",
        undo: "the old values are put back, and what was restarted is restarted with them",
        dry_run: "server-side dry run of the patches",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 1200,
    typical_seconds: 10,
    schema: schema_of::<PatchConfigMap>,
    needs,
    draft,
};

/// Values of a ConfigMap.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PatchConfigMap {
    /// Namespace.
    namespace: String,
    /// Name of the ConfigMap.
    #[serde(rename = "configMap", alias = "config_map", alias = "configmap", alias = "name")]
    config_map: String,
    /// Value by key; null removes the key. Numbers and truth values are written as text.
    #[serde(alias = "data", alias = "values")]
    #[schemars(length(min = 1))]
    patch: BTreeMap<String, Option<Scalar>>,
    /// Whether every workload that reads the ConfigMap is restarted in the same step, after the change.
    #[serde(default)]
    restart: bool,
    /// Connections that the database takes, when Prometheus does not know it and a pool size is among the values.
    #[serde(rename = "maxConnections", alias = "max_connections")]
    #[expect(dead_code, reason = "the check of connections reads it from the parameters of any action")]
    max_connections: Option<i64>,
}

/// What may stand where text is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Scalar {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Any number.
    Number(f64),
    /// True or false.
    Truth(bool),
}

impl Scalar {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

impl PatchConfigMap {
    fn target(&self) -> ObjectRef {
        ObjectRef::new("v1", "ConfigMap", Some(&self.namespace), &self.config_map)
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: PatchConfigMap = parse(params)?;
    let mut needs = vec![Need::Object(params.target())];
    needs.extend(workloads_of(&params.namespace));
    needs.extend(surroundings(&params.namespace));
    needs.extend(databases(&params.namespace));
    Ok(needs)
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: PatchConfigMap = parse(params)?;
    let target = params.target();
    let object = world.object(&target)?;
    let edit = ObjectEdit::plain(with_uid(&target, object), values(&params, &target, object)?);
    let readers: Vec<(&ObjectRef, &Value)> = all_workloads(world, &params.namespace)
        .into_iter()
        .filter(|(_, workload)| reads(workload, References::ConfigMap, &params.config_map))
        .collect();
    let names: Vec<String> = readers.iter().map(|(name, _)| name.to_string()).collect();
    if !params.restart {
        return Ok(Draft::from(edit).notes((!names.is_empty()).then(|| {
            format!(
                "{} read {target}: values in their environment change only when they are restarted",
                names.join(", ")
            )
        })));
    }
    if readers.is_empty() {
        return Err(Refused::parameter(
            "/restart",
            format!("no workload of namespace {} reads {target}", params.namespace),
        ));
    }
    if readers.len() > MOST {
        return Err(Refused::parameter(
            "/restart",
            format!(
                "{} workloads read {target}, more than the {MOST} of one step: restart them in steps of their own",
                readers.len()
            ),
        ));
    }
    let mut requests = Vec::new();
    for (reference, workload) in &readers {
        requests.push(Request::Edit(held(reference, workload, moment)?));
    }
    requests.push(Request::Edit(edit));
    requests.extend(
        readers
            .iter()
            .map(|(reference, workload)| Request::Edit(released(reference, workload))),
    );
    Ok(Draft::from(requests)
        .concern(RiskLevel::Medium, format!("every pod of {} is replaced", names.join(", ")))
        .note(format!(
            "{} are held, {target} changes, then they roll out: so no pod starts with half of the change, neither now nor when it is undone",
            names.join(", ")
        )))
}

fn values(params: &PatchConfigMap, target: &ObjectRef, object: &Value) -> Result<Vec<Edit>, Refused> {
    if object.get("immutable").and_then(Value::as_bool) == Some(true) {
        return refuse(format!("{target} is immutable: it can only be replaced by one of another name"));
    }
    if params.patch.is_empty() {
        return Err(Refused::parameter("/patch", "at least one key must be given"));
    }
    let mut edits = Vec::new();
    for (key, value) in &params.patch {
        let pointer = format!("/patch/{}", key.replace('~', "~0").replace('/', "~1"));
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return Err(Refused::parameter(&pointer, format!("{key:?} cannot be a key of a ConfigMap")));
        }
        if names_a_secret(key) {
            return Err(Refused::parameter(
                &pointer,
                format!("{key} looks like a secret: plans are read by people, so secrets belong in a Secret"),
            ));
        }
        if object.pointer("/binaryData").is_some_and(|data| data.get(key).is_some()) {
            return Err(Refused::parameter(&pointer, format!("{key} of {target} is binary data")));
        }
        let path = Path::new(["data", key]);
        match value {
            Some(value) => edits.push(Edit::set(path, value.text())),
            None if path.read(object).is_some() => edits.push(Edit::remove(path)),
            None => return Err(Refused::parameter(&pointer, format!("{target} has no key {key} to remove"))),
        }
    }
    if edits.iter().all(|edit| edit.path.read(object) == edit.value.as_ref()) {
        return refuse(format!("{target} already has these values"));
    }
    let added: usize = params.patch.values().flatten().map(|value| value.text().len()).sum();
    if object.to_string().len() + added > LARGEST {
        return refuse(format!("{target} would be larger than the 1 MiB that Kubernetes takes"));
    }
    Ok(edits)
}

/// A workload that is told to restart but held back until it is released.
///
/// Undone, a sequence runs backwards: held again, then the values, then released with the old template. So in both directions
/// pods start only when the values are those they are meant to start with.
fn held(reference: &ObjectRef, workload: &Value, moment: &Moment) -> Result<ObjectEdit, Refused> {
    if !restarts(workload) {
        return Err(Refused::parameter(
            "/restart",
            format!("{reference} is paused or has the update strategy OnDelete: it would not restart"),
        ));
    }
    let annotation = Edit::set(template().join(["metadata", "annotations", RESTARTED_AT]), moment.restarted_at());
    let (path, value) = hold(reference);
    Ok(ObjectEdit::plain(
        with_uid(reference, workload),
        vec![annotation, Edit::set(path, value)],
    ))
}

fn released(reference: &ObjectRef, workload: &Value) -> ObjectEdit {
    let (path, _) = hold(reference);
    let before = path.read(workload).cloned();
    ObjectEdit::plain(with_uid(reference, workload), vec![Edit { path, value: before }]).wait(Wait::Rollout)
}

/// What holds a rollout back. Only Deployments can be paused; for the others it is the update strategy that waits for people.
fn hold(reference: &ObjectRef) -> (Path, Value) {
    if reference.kind == "Deployment" {
        (Path::new(["spec", "paused"]), Value::Bool(true))
    } else {
        (Path::new(["spec", "updateStrategy"]), serde_json::json!({"type": "OnDelete"}))
    }
}
