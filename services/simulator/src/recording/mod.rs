//! Recordings: a cluster with its telemetry as it stood at one moment, read from the folder of a case.
//!
//! - [`Recording`]: what the folder holds, and what the world becomes afterwards
//! - [`Begin`], [`RequestPattern`]: what the folder does not say: when it begins, and which requests change it
//! - `folder`, `objects`, `metrics`, `logs`, `traces`: one kind of file each
//! - `definitions`: kinds that nobody built in
//!
//! How such a world behaves is the business of `world::recorded`.

mod definitions;
mod folder;
pub(crate) mod logs;
pub(crate) mod metrics;
mod objects;
mod requests;
pub(crate) mod traces;

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::scenario::admission::Admission;

pub use self::requests::{RequestPattern, Word};
pub(crate) use self::{definitions::of as definition, objects::group};
use self::{logs::Line, metrics::Metrics, traces::Traces};

/// A recorded world: as it was, and as it becomes.
#[derive(Clone, Debug)]
pub struct Recording {
    pub(crate) first: Part,
    /// What differs once the world is fixed.
    pub(crate) fixed: Part,
    /// What differs once something else was changed; `None` = nothing does.
    pub(crate) wrong: Option<Part>,
}

/// Objects and telemetry of one state of the world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// Complete objects, owners and namespaces first.
    pub(crate) objects: Vec<Value>,
    pub(crate) metrics: Metrics,
    pub(crate) logs: Vec<Line>,
    pub(crate) traces: Traces,
}

/// What a recording does not say about itself.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Where time stands when the world begins.
    pub now: Timestamp,
    /// Requests that fix the world once all of them have come.
    pub fixed_by: Vec<RequestPattern>,
    /// Requests that neither fix the world nor make it worse.
    pub harmless: Vec<RequestPattern>,
    /// Sources that do not answer.
    pub down: Vec<Source>,
    /// What is not let into the cluster, in a dry run neither.
    pub admission: Vec<Admission>,
    /// Images whose containers run and never become ready.
    pub unready: Vec<Word>,
}

/// What can be asked about a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The Kubernetes API.
    Kubernetes,
    /// Metrics.
    Prometheus,
    /// Logs.
    Loki,
    /// Traces.
    Jaeger,
}

impl Begin {
    /// A world that begins at `now`, in which every source answers and no request is known to fix anything.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            fixed_by: Vec::new(),
            harmless: Vec::new(),
            down: Vec::new(),
            admission: Vec::new(),
            unready: Vec::new(),
        }
    }
}

impl Recording {
    /// Reads the folder of a case. What a good answer to the case is stands in a file that is not looked at.
    pub fn load(folder: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(folder.is_dir(), "{} is not a folder; name the folder of a case", folder.display());
        let wrong = folder.join("after_wrong");
        let read = || -> anyhow::Result<Self> {
            Ok(Self {
                first: folder::part(folder)?,
                fixed: folder::part(&folder.join("after"))?,
                wrong: wrong.is_dir().then(|| folder::part(&wrong)).transpose()?,
            })
        };
        read().with_context(|| format!("cannot read the recorded world in {}", folder.display()))
    }
}
