//! The catalogue: what each action is called, takes, needs to see and changes. Every function is pure: what was fetched
//! comes in, a draft of the change goes out.

mod backup;
mod debug;
mod diagnostics;
mod health;
mod hpa;
mod notify;
mod quantity;
mod resources;
mod restart;
mod rollback;
#[cfg(test)]
mod tests;
mod workload;
mod world;

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    change::{Confirm, Exec, Notice},
    object::ObjectRef,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::core::patch::Edit;

pub use diagnostics::{Diagnostics, heap_dump_command};
pub use health::Health;
pub use world::{Need, World};

/// Arguments of an action.
pub type Params = Map<String, Value>;

/// What an action does, in the terms of who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Collects logs, events and states into artifacts.
    Diagnostics,
    /// Copies files out of containers.
    Backup,
    /// Changes a pod template: every pod is replaced.
    Template,
    /// Changes an object without replacing pods.
    Patch,
    /// Either deletes one pod or changes a template.
    Restart,
    /// Tells people.
    Notify,
    /// Looks whether workloads are well.
    Health,
}

impl Kind {
    /// Whether it may run in `observe` mode.
    #[must_use]
    pub fn read_only(self) -> bool {
        match self {
            Self::Diagnostics | Self::Notify | Self::Health => true,
            Self::Backup | Self::Template | Self::Patch | Self::Restart => false,
        }
    }

    /// Whether it sends requests that change objects.
    #[must_use]
    pub fn mutates(self) -> bool {
        match self {
            Self::Template | Self::Patch | Self::Restart => true,
            Self::Diagnostics | Self::Backup | Self::Notify | Self::Health => false,
        }
    }
}

/// One entry of the catalogue.
pub struct Action {
    /// Its name in plans.
    pub name: &'static str,
    /// Other names that recommendations use.
    pub aliases: &'static [&'static str],
    /// For people.
    pub description: &'static str,
    /// What it does.
    pub kind: Kind,
    /// Longest time one attempt may take, in seconds.
    pub timeout_seconds: u64,
    /// JSON Schema of its parameters.
    pub schema: fn() -> Value,
    /// What must be fetched before it can be drafted.
    pub needs: fn(&Params) -> Result<Vec<Need>, Refused>,
    /// The change it wants, given what was fetched and the time that goes into restart annotations.
    pub draft: fn(&Params, &World, Timestamp) -> Result<Draft, Refused>,
}

impl Action {
    /// Longest time one attempt may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// A change that is wanted, before it is built against the object.
#[derive(Debug, Clone, PartialEq)]
pub enum Draft {
    /// Reads only.
    Read {
        /// For people.
        what: String,
        /// Objects it looks at.
        targets: Vec<ObjectRef>,
    },
    /// A command that copies data out.
    Exec(Exec),
    /// Values to set on one object.
    Edits {
        /// The object.
        target: ObjectRef,
        /// The values.
        edits: Vec<Edit>,
        /// Whether they are in the pod template.
        template: bool,
        /// What a step whose edits travel in another step's patch has to confirm.
        confirm: Confirm,
        /// What people should know about it.
        notes: Vec<String>,
    },
    /// Deletion of one object.
    Delete {
        /// The object, with UID.
        target: ObjectRef,
        /// The workload that replaces it.
        owner: Option<ObjectRef>,
    },
    /// A message.
    Notify(Notice),
}

/// Why an action cannot be prepared: a sentence with the parameter or object in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Every action, sorted by name.
pub const CATALOGUE: &[Action] = &[
    backup::ACTION,
    diagnostics::ACTION,
    debug::ACTION,
    health::ACTION,
    resources::ACTION,
    notify::ACTION,
    restart::POD,
    rollback::ACTION,
    restart::ROLLING,
    hpa::ACTION,
];

/// The action of that name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Action> {
    CATALOGUE
        .iter()
        .find(|action| action.name == name || action.aliases.contains(&name))
}

fn schema_of<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

fn parse<T: DeserializeOwned>(params: &Params) -> Result<T, Refused> {
    serde_json::from_value(Value::Object(params.clone())).map_err(|error| Refused(format!("parameters: {error}")))
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(reason.into()))
}
