//! `health_check`: whether workloads are whole, services answer and figures are as they should be.

use std::time::Duration;

use super::{BuiltIn, conditions::Conditions, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Reader, Refused, Work},
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "health_check",
    aliases: &["check_health"],
    about: About {
        description: "waits until workloads are rolled out with every pod ready, services have ready endpoints, HTTP endpoints answer, TCP \
                      ports accept connections and PromQL conditions hold",
        risk: "none: only reads",
        undo: "nothing to undo: only reads",
        dry_run: "nothing to try: only reads",
        external: false,
    },
    kind: Kind::Read(Reader::Health),
    timeout_seconds: 300,
    typical_seconds: 15,
    schema: schema_of::<Conditions>,
    needs,
    draft,
};

/// Longest time that a check's conditions have to hold, so that it can end within its own.
const LONGEST: Duration = Duration::from_secs(240);

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let conditions = Conditions::from_params(params)?;
    if conditions.stable()?.is_some_and(|stable| stable > LONGEST) {
        return refuse("parameters.stableFor: a health check looks for 4 min at most; verify_recovery looks longer");
    }
    Ok(conditions.needs())
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let conditions = Conditions::from_params(params)?;
    let targets = conditions.targets(world)?;
    Ok(Work::Read {
        what: conditions.said(&targets)?,
        targets,
    }
    .into())
}
