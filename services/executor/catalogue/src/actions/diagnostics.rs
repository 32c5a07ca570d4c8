//! `collect_diagnostics`: what a restart would take away, kept before anything is changed.

use paramedic_domain::object::ObjectRef;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{BuiltIn, parse, schema_of, workload::workload};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Reader, Refused, Work},
    world::{Need, World, with_uid},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "collect_diagnostics",
    aliases: &["capture_diagnostics", "gather_diagnostics"],
    about: About {
        description: "keeps pods, events, logs, previous logs and usage of a workload as artifacts",
        risk: "none: only reads",
        undo: "nothing to undo: only reads",
        dry_run: "nothing to try: only reads",
        external: false,
    },
    kind: Kind::Read(Reader::Diagnostics),
    timeout_seconds: 120,
    typical_seconds: 20,
    schema: schema_of::<Diagnostics>,
    needs,
    draft,
};

/// The annotation of a workload with the command that writes a heap dump to its output: a JSON list of arguments.
/// Nothing else may decide what runs in a container.
const HEAP_DUMP: &str = "/metadata/annotations/paramedic.dev~1heap-dump-command";

/// Of which workload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Diagnostics {
    /// Namespace.
    pub namespace: String,
    /// Name of a Deployment.
    pub deployment: Option<String>,
    /// Name of a StatefulSet.
    pub statefulset: Option<String>,
    /// Name of a DaemonSet.
    pub daemonset: Option<String>,
    /// What is wanted most; everything is collected anyway.
    #[serde(rename = "type")]
    pub wanted: Option<Wanted>,
    /// Last lines of each log.
    #[serde(default = "log_lines", alias = "logLines")]
    #[schemars(range(min = 1, max = 20000))]
    pub log_lines: u32,
}

/// A wish among the diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum Wanted {
    HeapDump,
    ThreadDump,
    Logs,
    All,
}

fn log_lines() -> u32 {
    2_000
}

impl Diagnostics {
    /// Reads the parameters of a step.
    ///
    /// # Errors
    /// When they are not this action's.
    pub fn from_params(params: &Params) -> Result<Self, Refused> {
        parse(params)
    }

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
    Ok(vec![Need::Object(parse::<Diagnostics>(params)?.target()?)])
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let target = parse::<Diagnostics>(params)?.target()?;
    let object = world.object(&target)?;
    Ok(Work::Read {
        what: format!("pods, events, logs, previous logs and usage of {target}"),
        targets: vec![with_uid(&target, object)],
    }
    .into())
}

/// The heap dump command that the workload's owner configured.
#[must_use]
pub fn heap_dump_command(workload: &Value) -> Option<Vec<String>> {
    let text = workload.pointer(HEAP_DUMP)?.as_str()?;
    serde_json::from_str::<Vec<String>>(text).ok().filter(|argv| !argv.is_empty())
}
