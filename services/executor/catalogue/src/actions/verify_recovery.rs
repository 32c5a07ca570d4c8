//! `verify_recovery`: whether what was repaired, and what depends on it, is well and stays so.

use std::time::Duration;

use super::{BuiltIn, conditions::Conditions, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Reader, Refused, Work},
    world::{Need, World},
};

/// Its name: a check by this name also looks at the workloads behind services.
pub const VERIFY_RECOVERY: &str = "verify_recovery";
/// How long everything must hold when nobody says: several probe periods of Kubernetes (10 s each by default).
pub const STABLE: Duration = Duration::from_secs(30);

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: VERIFY_RECOVERY,
    aliases: &["verify", "verify_health", "validate_recovery", "verify_all_services"],
    about: About {
        description: "waits until services, the workloads behind them, endpoints and PromQL conditions are well, and stay so for a while",
        risk: "none: only reads",
        undo: "nothing to undo: only reads",
        dry_run: "nothing to try: only reads",
        external: false,
    },
    kind: Kind::Read(Reader::Health),
    timeout_seconds: 4200,
    typical_seconds: 45,
    schema: schema_of::<Conditions>,
    needs,
    draft,
};

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(Conditions::from_params(params)?.needs())
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let conditions = Conditions::from_params(params)?;
    let targets = conditions.targets(world)?;
    let stable = conditions.stable()?.unwrap_or(STABLE);
    Ok(Work::Read {
        what: format!(
            "{}, the workloads behind them, for {} s",
            conditions.said(&targets)?,
            stable.as_secs()
        ),
        targets,
    }
    .into())
}
