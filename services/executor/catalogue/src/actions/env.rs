//! `patch_env`: environment variables of one container.

use std::collections::BTreeMap;

use paramedic_domain::{change::Confirm, object::ObjectRef};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    BuiltIn,
    config_map::Scalar,
    parse, refuse, schema_of,
    workload::{container, databases, surroundings, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::Edit,
    redact::names_a_secret,
    world::{Need, World, with_uid},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "patch_env",
    aliases: &["set_env", "update_env", "patch_environment"],
    about: About {
        description: "sets or removes environment variables of one container of a workload; every pod is replaced",
        risk: "medium: every pod is replaced; high with a single replica or a budget that allows no disruption",
        undo: "the old variables are put back, which replaces the pods again",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 600,
    typical_seconds: 120,
    schema: schema_of::<PatchEnv>,
    needs,
    draft,
};

/// Variables of one container.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PatchEnv {
    /// Namespace.
    namespace: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Name of a DaemonSet.
    daemonset: Option<String>,
    /// Container; may be left out if there is only one, or one named like the workload.
    container: Option<String>,
    /// Value by name of the variable. Numbers and truth values are written as text.
    #[serde(alias = "env", alias = "patch", default)]
    set: BTreeMap<String, Scalar>,
    /// Names of variables to remove.
    #[serde(alias = "remove", default)]
    unset: Vec<String>,
    /// Connections that the database takes, when Prometheus does not know it and a pool size is among the variables.
    #[serde(rename = "maxConnections", alias = "max_connections")]
    #[expect(dead_code, reason = "the check of connections reads it from the parameters of any action")]
    max_connections: Option<i64>,
}

impl PatchEnv {
    fn target(&self) -> Result<ObjectRef, Refused> {
        workload(
            &self.namespace,
            self.deployment.as_ref(),
            self.statefulset.as_ref(),
            self.daemonset.as_ref(),
        )
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: PatchEnv = parse(params)?;
    let mut needs = vec![Need::Object(params.target()?)];
    needs.extend(surroundings(&params.namespace));
    needs.extend(databases(&params.namespace));
    Ok(needs)
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: PatchEnv = parse(params)?;
    if params.set.is_empty() && params.unset.is_empty() {
        return refuse("parameters: at least one of set and unset must be given");
    }
    let target = params.target()?;
    let object = world.object(&target)?;
    let (base, name) = container(object, &target, params.container.as_ref())?;
    let path = base.join(["env"]);
    let before: Vec<Value> = path.read(object).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut after = before.clone();
    for (variable, value) in &params.set {
        set(&mut after, variable, &value.text(), &target)?;
    }
    for variable in &params.unset {
        unset(&mut after, variable, &name, &target)?;
    }
    if after == before {
        return refuse(format!("container {name} of {target} already has these variables"));
    }
    let edit = Edit::set(path, after);
    Ok(ObjectEdit::template(with_uid(&target, object), vec![edit], Confirm::InTemplate).into())
}

fn place(entries: &[Value], variable: &str) -> Option<usize> {
    entries
        .iter()
        .position(|entry| entry.get("name").and_then(Value::as_str) == Some(variable))
}

fn set(entries: &mut Vec<Value>, variable: &str, value: &str, target: &ObjectRef) -> Result<(), Refused> {
    let pointer = format!("/set/{}", variable.replace('~', "~0").replace('/', "~1"));
    let odd = |c: char| c == '=' || c.is_whitespace() || c.is_control();
    if variable.is_empty() || variable.contains(odd) {
        return Err(Refused::parameter("/set", format!("{variable:?} cannot be the name of a variable")));
    }
    if names_a_secret(variable) {
        return Err(Refused::parameter(
            &pointer,
            format!("{variable} looks like a secret: plans are read by people, so secrets belong in a Secret"),
        ));
    }
    match place(entries, variable) {
        Some(at) if entries[at].get("valueFrom").is_some() => Err(Refused::parameter(
            &pointer,
            format!("{variable} of {target} comes from another object (valueFrom): change that object instead"),
        )),
        Some(at) => {
            entries[at] = json!({"name": variable, "value": value});
            Ok(())
        }
        None => {
            entries.push(json!({"name": variable, "value": value}));
            Ok(())
        }
    }
}

fn unset(entries: &mut Vec<Value>, variable: &str, container: &str, target: &ObjectRef) -> Result<(), Refused> {
    if names_a_secret(variable) {
        return Err(Refused::parameter(
            "/unset",
            format!("{variable} looks like a secret: an undo would have to hold its value, and plans are read by people"),
        ));
    }
    match place(entries, variable) {
        Some(at) if entries[at].get("valueFrom").is_some() => Err(Refused::parameter(
            "/unset",
            format!("{variable} of {target} comes from another object (valueFrom): it is not removed here"),
        )),
        Some(at) => {
            entries.remove(at);
            Ok(())
        }
        None => Err(Refused::parameter(
            "/unset",
            format!("container {container} of {target} has no variable {variable}"),
        )),
    }
}
