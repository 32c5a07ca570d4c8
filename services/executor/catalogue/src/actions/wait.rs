//! `wait`: some time passes, or until a figure is as it should be.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    BuiltIn,
    conditions::{Comparison, Query},
    parse, refuse, schema_of,
    span::duration,
};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Reader, Refused, Work},
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "wait",
    aliases: &["sleep", "pause", "delay"],
    about: About {
        description: "waits for a while, or until a PromQL condition holds, at most an hour",
        risk: "none: only waits",
        undo: "nothing to undo: only waits",
        dry_run: "nothing to try: only waits",
        external: false,
    },
    kind: Kind::Read(Reader::Pause),
    timeout_seconds: 3900,
    typical_seconds: 60,
    schema: schema_of::<Pause>,
    needs,
    draft,
};

/// Longest wait.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long, or until when.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// How long (`30s`, `5m`, up to `1h`); with a query: how long at most.
    duration: String,
    /// PromQL expression that ends the wait when it compares as wanted.
    query: Option<String>,
    /// How its value has to compare with `value`.
    comparison: Option<Comparison>,
    /// What it is compared with.
    value: Option<f64>,
}

impl Pause {
    /// Reads the parameters of a step.
    ///
    /// # Errors
    /// When they are not this action's.
    pub fn from_params(params: &Params) -> Result<Self, Refused> {
        let pause: Self = parse(params)?;
        pause.length()?;
        pause.until()?;
        Ok(pause)
    }

    /// How long at most.
    ///
    /// # Errors
    /// When it is no duration, or too long.
    pub fn length(&self) -> Result<Duration, Refused> {
        duration("duration", &self.duration, LONGEST)
    }

    /// What ends it before.
    ///
    /// # Errors
    /// When only a part of the condition is given.
    pub fn until(&self) -> Result<Option<Query>, Refused> {
        match (&self.query, self.comparison, self.value) {
            (None, None, None) => Ok(None),
            (Some(query), Some(comparison), Some(value)) => Ok(Some(Query {
                query: query.clone(),
                comparison,
                value,
            })),
            _ => refuse("parameters: query, comparison and value go together"),
        }
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    Pause::from_params(params)?;
    Ok(Vec::new())
}

fn draft(params: &Params, _world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let pause = Pause::from_params(params)?;
    let seconds = pause.length()?.as_secs();
    let what = match pause.until()? {
        Some(query) => format!("a clock, for at most {seconds} s, until {query}"),
        None => format!("a clock, for {seconds} s"),
    };
    Ok(Work::Read { what, targets: Vec::new() }.into())
}
