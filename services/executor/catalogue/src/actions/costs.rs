//! `aws_cost_report`: what a cloud account cost in a month, read and never changed.

use jiff::{ToSpan as _, civil::Date};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Reader, Refused, Work},
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "aws_cost_report",
    aliases: &["cost_report"],
    about: About {
        description: "reports what an AWS account cost in a month, by service, with the load of its instances; keeps every answer that a figure comes from",
        risk: "none: it runs four commands of the AWS CLI that read, and no other",
        undo: "nothing to undo: only reads",
        dry_run: "nothing to try: only reads",
        external: false,
    },
    kind: Kind::Read(Reader::Costs),
    timeout_seconds: 900,
    typical_seconds: 60,
    schema: schema_of::<Costs>,
    needs,
    draft,
};

/// Which account, and when.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// A configured account, 12 digits.
    pub account: String,
    /// The month, like `2026-10`.
    month: String,
    /// Instances whose processors are below this on average count as idle, in percent.
    #[serde(default = "ten")]
    pub idle_below_percent: f64,
}

fn ten() -> f64 {
    10.0
}

impl Costs {
    /// Reads the parameters of a step.
    ///
    /// # Errors
    /// When they are not this action's.
    pub fn from_params(params: &Params) -> Result<Self, Refused> {
        parse(params)
    }

    /// The first day of the month, and the first of the next: the end is exclusive, as Cost Explorer counts.
    ///
    /// # Errors
    /// When it is no month.
    pub fn month(&self) -> Result<(Date, Date), Refused> {
        let first: Date = match format!("{}-01", self.month).parse() {
            Ok(first) if self.month.len() == 7 => first,
            _ => return refuse(format!("parameters.month: {:?} is not a month like 2026-10", self.month)),
        };
        match first.checked_add(1.month()) {
            Ok(next) => Ok((first, next)),
            Err(error) => refuse(format!("parameters.month: {error}")),
        }
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    Costs::from_params(params)?.month()?;
    Ok(Vec::new())
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let costs = Costs::from_params(params)?;
    let (first, _) = costs.month()?;
    if first.to_string() > moment.now.to_string() {
        return refuse(format!("parameters.month: {} has not begun", costs.month));
    }
    if !(0.0..=100.0).contains(&costs.idle_below_percent) {
        return refuse(format!(
            "parameters.idle_below_percent: {} is not 0 to 100",
            costs.idle_below_percent
        ));
    }
    let known = &world.systems.accounts;
    if !known.contains(&costs.account) {
        return refuse(format!(
            "parameters.account: {:?} is not configured ([[executor.accounts]]); there are {known:?}",
            costs.account
        ));
    }
    let what = format!(
        "what account {} cost in {} by service, its running instances and their load",
        costs.account, costs.month
    );
    Ok(Work::Read { what, targets: Vec::new() }.into())
}
