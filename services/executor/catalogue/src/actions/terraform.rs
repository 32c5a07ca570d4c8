//! `terraform_apply`: a saved plan of an infrastructure module is applied, that plan and no other.

use paramedic_domain::change::{Call, DryRun, SavedPlan};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Work},
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "terraform_apply",
    aliases: &["apply_module", "tofu_apply"],
    about: About {
        description: "plans a Terraform or OpenTofu module, and applies the saved plan that was approved; then plans again, which must show no change",
        risk: "high: infrastructure changes and nothing undoes it; a plan that destroys or replaces anything is refused",
        undo: "none: an applied plan stays; the module as it was before is another plan, to be approved as such",
        dry_run: "init, validate, plan and show; the approval is bound to the digests of the plan file and of the module's files, and to the state's serial",
        external: false,
    },
    kind: Kind::Outside,
    timeout_seconds: 3600,
    typical_seconds: 180,
    schema: schema_of::<TerraformApply>,
    needs,
    draft,
};

/// Which module.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TerraformApply {
    /// Name of a configured module.
    module: String,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    parse::<TerraformApply>(params).map(|_| Vec::new())
}

fn draft(params: &Params, world: &World, _: &Moment) -> Result<Draft, Refused> {
    let params: TerraformApply = parse(params)?;
    let modules = &world.systems.modules;
    let Some(module) = modules.iter().find(|module| module.name == params.module) else {
        let known: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
        return refuse(format!(
            "parameters.module: {:?} is not configured ([[executor.modules]]); there are {known:?}",
            params.module
        ));
    };
    // Planned by the executor, like a dry run, before anybody is asked.
    Ok(Draft::from(Work::Call(Call::Apply(SavedPlan {
        module: module.name.clone(),
        workspace: module.workspace.clone(),
        bound: None,
        changes: Vec::new(),
        dry_run: DryRun::Unavailable {
            reason: "the module was not planned yet".into(),
        },
    }))))
}
