//! The actions, one or a few to a file, and the table of all of them.

mod argo;
mod backup;
mod cleanup;
mod conditions;
mod config_map;
mod correlate;
mod costs;
mod debug;
mod diagnostics;
mod drain;
mod env;
mod flux;
mod git;
mod health;
mod helm;
mod hpa;
mod image;
mod jobs;
mod named;
mod network_policy;
mod node;
mod notify;
#[cfg(test)]
mod object_tests;
mod one_by_one;
#[cfg(test)]
mod outside_tests;
mod pdb;
mod place;
mod quarantine;
mod resize;
mod resources;
mod restart;
mod restore;
mod rollback;
mod rotate;
mod scale;
mod silence;
mod span;
mod statefulset;
mod suspend;
mod terraform;
#[cfg(test)]
mod tests;
mod ticket;
mod verify_recovery;
mod volume;
mod wait;
mod workload;

use std::{sync::Arc, time::Duration};

use jsonschema::{ValidationError, error::ValidationErrorKind};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    action::{About, Action, Draft, Kind, Moment, Params, Refused},
    world::{Need, World},
};

pub use conditions::{Comparison, Conditions, Endpoint, Port, Query, declared};
pub use correlate::Correlation;
pub use costs::Costs;
pub use diagnostics::{Diagnostics, Wanted, heap_dump_command, thread_dump_command};
pub use one_by_one::ready;
pub use place::{placed, unplaced};
pub use verify_recovery::{STABLE, VERIFY_RECOVERY};
pub use wait::Pause;
pub use workload::main_container;
pub(crate) use workload::{WORKLOADS, rolls_out};

/// An action that is part of the program.
#[derive(Clone, Copy)]
pub struct BuiltIn {
    name: &'static str,
    aliases: &'static [&'static str],
    about: About<'static>,
    kind: Kind,
    timeout_seconds: u64,
    typical_seconds: u64,
    schema: fn() -> Value,
    needs: fn(&Params) -> Result<Vec<Need>, Refused>,
    draft: fn(&Params, &World, &Moment) -> Result<Draft, Refused>,
}

impl Action for BuiltIn {
    fn name(&self) -> &str {
        self.name
    }
    fn aliases(&self) -> &[&str] {
        self.aliases
    }
    fn about(&self) -> About<'_> {
        self.about
    }
    fn kind(&self) -> Kind {
        self.kind
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
    fn typical(&self) -> Duration {
        Duration::from_secs(self.typical_seconds)
    }
    fn schema(&self) -> Value {
        (self.schema)()
    }
    fn needs(&self, params: &Params) -> Result<Vec<Need>, Refused> {
        (self.needs)(params)
    }
    fn draft(&self, params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
        (self.draft)(params, world, moment)
    }
}

/// Every action that is part of the program.
const BUILT_IN: &[&BuiltIn] = &[
    &backup::ACTION,
    &correlate::ACTION,
    &git::ACTION,
    &silence::ACTION,
    &terraform::ACTION,
    &costs::ACTION,
    &verify_recovery::ACTION,
    &wait::ACTION,
    &diagnostics::ACTION,
    &debug::ACTION,
    &health::ACTION,
    &notify::ACTION,
    &restart::POD,
    &rollback::ACTION,
    &restart::ROLLING,
    &argo::PAUSE,
    &argo::ROLLBACK,
    &argo::SYNC,
    &cleanup::EVICTED,
    &cleanup::JOBS,
    &config_map::ACTION,
    &drain::ACTION,
    &env::ACTION,
    &flux::RECONCILE_NOW,
    &flux::RESUME,
    &flux::SUSPEND,
    &image::ACTION,
    &jobs::RERUN,
    &jobs::RUN,
    &network_policy::ADD,
    &network_policy::DELETE,
    &network_policy::REMOVE,
    &node::CORDON,
    &node::TAINT,
    &node::UNCORDON,
    &node::UNTAINT,
    &pdb::ACTION,
    &quarantine::ACTION,
    &resources::IN_PLACE,
    &resources::INCREASE,
    &resources::SET,
    &restore::ACTION,
    &rotate::ACTION,
    &scale::ACTION,
    &statefulset::ACTION,
    &suspend::RESUME_CRON_JOB,
    &suspend::RESUME_JOB,
    &suspend::SUSPEND_CRON_JOB,
    &suspend::SUSPEND_JOB,
    &volume::EXPAND,
    &volume::SNAPSHOT,
    &hpa::ACTION,
    &helm::ROLLBACK,
];

/// Every action there is: those of the program and those that the operator registered.
#[derive(Clone)]
pub struct Catalogue {
    actions: Vec<Arc<dyn Action>>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new(Vec::new()).expect("the names of the program's own actions are different, see the tests")
    }
}

impl Catalogue {
    /// The program's actions and `registered` ones.
    ///
    /// # Errors
    /// A name that two actions claim.
    pub fn new(registered: Vec<Arc<dyn Action>>) -> Result<Self, String> {
        let built_in = BUILT_IN.iter().map(|action| Arc::new(**action) as Arc<dyn Action>);
        let mut actions: Vec<Arc<dyn Action>> = built_in.chain(registered).collect();
        actions.sort_by(|one, other| one.name().cmp(other.name()));
        let mut names: Vec<&str> = actions
            .iter()
            .flat_map(|action| std::iter::once(action.name()).chain(action.aliases().iter().copied()))
            .collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!(
                "two actions are called {:?}: give the registered one another name",
                pair[0]
            )),
            None => Ok(Self { actions }),
        }
    }

    /// The action of that name or alias.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<dyn Action>> {
        self.actions
            .iter()
            .find(|action| action.name() == name || action.aliases().contains(&name))
    }

    /// Every action, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Action>> {
        self.actions.iter()
    }
}

/// What an action's schema says against the parameters. Aliases of parameters are not in the schema, so only what reading
/// them refuses as well is an error.
#[must_use]
pub fn violation(action: &dyn Action, params: &Params) -> Option<Refused> {
    let refused = action.needs(params).err()?;
    let found: Vec<(String, String)> = match jsonschema::validator_for(&action.schema()) {
        Ok(validator) => validator
            .iter_errors(&json!(params))
            .take(3)
            .map(|error| (error.instance_path().to_string(), sentence(action, &error)))
            .collect(),
        Err(_) => Vec::new(),
    };
    let Some((path, _)) = found.first() else { return Some(refused) };
    Some(Refused {
        path: Some(path.clone()),
        reason: found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; "),
    })
}

/// One violation for people. What the action does not know is the error that is made most.
fn sentence(action: &dyn Action, error: &ValidationError<'_>) -> String {
    let path = error.instance_path();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } if path.as_str().is_empty() => {
            let schema = action.schema();
            let known = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
            format!(
                "parameters: {} has no parameter {}; it has {}",
                action.name(),
                unexpected.join(" or "),
                known.join(", ")
            )
        }
        _ => format!("parameters{}: {error}", path.as_str().replace('/', ".")),
    }
}

fn schema_of<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

fn parse<T: DeserializeOwned>(params: &Params) -> Result<T, Refused> {
    serde_json::from_value(Value::Object(params.clone())).map_err(|error| Refused::because(format!("parameters: {error}")))
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::because(reason))
}
