//! `collect_diagnostics`: what a restart would take away, kept before anything is changed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn,
    named::{DAEMON_SET, DATABASE, DEPLOYMENT, STATEFUL_SET, lookup, need, only},
    parse, refuse, schema_of,
};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Reader, Refused, Work},
    world::{Lookup, Need, World, with_uid},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "collect_diagnostics",
    aliases: &["capture_diagnostics", "gather_diagnostics", "heap_dump"],
    about: About {
        description: "keeps pods, events, logs, previous logs, usage and metrics of a workload or database as artifacts",
        risk: "none: it reads; a dump runs the command that the workload's owner configured, in one of its containers",
        undo: "nothing to undo: no object changes",
        dry_run: "nothing to try: no object changes",
        external: false,
    },
    kind: Kind::Read(Reader::Diagnostics),
    timeout_seconds: 120,
    typical_seconds: 20,
    schema: schema_of::<Diagnostics>,
    needs,
    draft,
};

/// The annotations of a workload with the commands that write a dump to their output: JSON lists of arguments.
/// Nothing else may decide what runs in a container.
const HEAP_DUMP: &str = "/metadata/annotations/paramedic.dev~1heap-dump-command";
const THREAD_DUMP: &str = "/metadata/annotations/paramedic.dev~1thread-dump-command";

/// Of which workload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Diagnostics {
    /// Namespace; may be left out where the name is found in only one, or in only one of the incident's.
    pub namespace: Option<String>,
    /// Name of a Deployment.
    pub deployment: Option<String>,
    /// Name of a StatefulSet.
    pub statefulset: Option<String>,
    /// Name of a DaemonSet.
    pub daemonset: Option<String>,
    /// Name of a database: a StatefulSet or Deployment.
    pub database: Option<String>,
    /// Figures to keep beside those of every workload: names of metrics, parts of names (`active_connections`), or PromQL expressions.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub metrics: Vec<String>,
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

    fn target(&self) -> Result<Lookup, Refused> {
        let given: Vec<_> = [
            (DEPLOYMENT, &self.deployment),
            (STATEFUL_SET, &self.statefulset),
            (DAEMON_SET, &self.daemonset),
            (DATABASE, &self.database),
        ]
        .into_iter()
        .filter_map(|(kinds, name)| Some((kinds, name.as_ref()?)))
        .collect();
        match given.as_slice() {
            [(kinds, name)] => Ok(lookup(kinds, self.namespace.as_ref(), name)),
            _ => refuse("parameters: exactly one of deployment, statefulset, daemonset and database must be given"),
        }
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(vec![need(parse::<Diagnostics>(params)?.target()?)])
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params = parse::<Diagnostics>(params)?;
    let (target, object) = only(world, &params.target()?)?;
    let figures = if params.metrics.is_empty() {
        String::new()
    } else {
        format!(", and the figures {}", params.metrics.join(", "))
    };
    Ok(Work::Read {
        what: format!("pods, events, logs, previous logs, usage and metrics of {target}{figures}"),
        targets: vec![with_uid(&target, object)],
    }
    .into())
}

/// The heap dump command that the workload's owner configured.
#[must_use]
pub fn heap_dump_command(workload: &Value) -> Option<Vec<String>> {
    command(workload, HEAP_DUMP)
}

/// The thread dump command that the workload's owner configured.
#[must_use]
pub fn thread_dump_command(workload: &Value) -> Option<Vec<String>> {
    command(workload, THREAD_DUMP)
}

fn command(workload: &Value, annotation: &str) -> Option<Vec<String>> {
    let text = workload.pointer(annotation)?.as_str()?;
    serde_json::from_str::<Vec<String>>(text).ok().filter(|argv| !argv.is_empty())
}
