//! `health_check`: whether workloads are whole and their pods ready.

use paramedic_domain::object::ObjectRef;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Reader, Refused, Work},
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "health_check",
    aliases: &["check_health"],
    about: About {
        description: "waits until workloads are rolled out with every pod ready, and services have ready endpoints",
        risk: "none: only reads",
        undo: "nothing to undo: only reads",
        dry_run: "nothing to try: only reads",
        external: false,
    },
    kind: Kind::Read(Reader::Health),
    timeout_seconds: 300,
    typical_seconds: 15,
    schema: schema_of::<Health>,
    needs,
    draft,
};

/// What must be well.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Namespace.
    pub namespace: String,
    /// Name of a Deployment.
    pub deployment: Option<String>,
    /// Name of a StatefulSet.
    pub statefulset: Option<String>,
    /// Name of a DaemonSet.
    pub daemonset: Option<String>,
    /// Name of a Service.
    pub service: Option<String>,
    /// Names of Services.
    #[serde(default)]
    pub services: Vec<String>,
    /// Not called: readiness probes already call the pods' own endpoint, from inside the cluster.
    pub endpoint: Option<String>,
    /// See `endpoint`.
    #[serde(rename = "expectedStatus", alias = "expected_status")]
    pub expected_status: Option<u16>,
}

impl Health {
    fn targets(&self) -> Vec<ObjectRef> {
        let namespace = Some(self.namespace.as_str());
        let named = |kind: &'static str, name: &Option<String>| name.as_ref().map(|name| ObjectRef::new("apps/v1", kind, namespace, name));
        [
            named("Deployment", &self.deployment),
            named("StatefulSet", &self.statefulset),
            named("DaemonSet", &self.daemonset),
        ]
        .into_iter()
        .flatten()
        .chain(
            self.service
                .iter()
                .chain(&self.services)
                .map(|name| ObjectRef::new("v1", "Service", namespace, name)),
        )
        .collect()
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let targets = parse::<Health>(params)?.targets();
    if targets.is_empty() {
        return refuse("parameters: at least one of deployment, statefulset, daemonset, service and services must be given");
    }
    Ok(targets.into_iter().map(Need::Object).collect())
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let targets = parse::<Health>(params)?.targets();
    for target in &targets {
        world.object(target)?;
    }
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    Ok(Work::Read {
        what: format!("readiness of {}", names.join(", ")),
        targets,
    }
    .into())
}
