//! `rotate_pods`: a restart of everything that reads a Secret, after that changed.

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{all_workloads, reads, restart, surroundings, workloads_of},
};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Request},
    references::References,
    world::{Need, World},
};

/// Most workloads of one step.
const MOST: usize = 20;

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "rotate_pods",
    aliases: &["restart_secret_readers", "rotate_secret_consumers"],
    about: About {
        description: "restarts, one workload after the other, everything in a namespace that reads a Secret, so that it runs with the Secret's present values; the Secret itself is never read",
        risk: "medium: pods are replaced; high with a single replica or a budget that allows no disruption",
        undo: "none: a restart leaves nothing to put back, and pods with the old Secret are not wanted",
        dry_run: "server-side dry run of every patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 3600,
    typical_seconds: 300,
    schema: schema_of::<Rotate>,
    needs,
    draft,
};

/// Which Secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// Namespace.
    namespace: String,
    /// Name of the Secret that changed.
    #[serde(alias = "name", alias = "secretName", alias = "secret_name")]
    secret: String,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Rotate = parse(params)?;
    let mut needs = workloads_of(&params.namespace);
    needs.extend(surroundings(&params.namespace));
    Ok(needs)
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Rotate = parse(params)?;
    let readers: Vec<(&ObjectRef, &Value)> = all_workloads(world, &params.namespace)
        .into_iter()
        .filter(|(_, workload)| reads(workload, References::Secret, &params.secret))
        .collect();
    if readers.is_empty() {
        return Err(Refused::parameter(
            "/secret",
            format!("no workload of namespace {} reads Secret {}", params.namespace, params.secret),
        ));
    }
    if readers.len() > MOST {
        return refuse(format!(
            "{} workloads read Secret {}, more than the {MOST} of one step: restart them in steps of their own",
            readers.len(),
            params.secret
        ));
    }
    let mut requests = Vec::with_capacity(readers.len());
    let mut held = Vec::new();
    for (reference, workload) in &readers {
        match restart(reference, workload, moment) {
            Ok(edit) => requests.push(Request::Edit(edit.irreversible("a restart leaves nothing to put back"))),
            Err(_) => held.push(reference.to_string()),
        }
    }
    if requests.is_empty() {
        return refuse(format!(
            "{} are paused or have the update strategy OnDelete: none of them would restart",
            held.join(", ")
        ));
    }
    let names: Vec<String> = readers.iter().map(|(reference, _)| reference.to_string()).collect();
    let draft = Draft::from(requests).note(format!("these read Secret {}: {}", params.secret, names.join(", ")));
    Ok(if held.is_empty() {
        draft
    } else {
        draft.concern(
            RiskLevel::Medium,
            format!(
                "{} are paused or have the update strategy OnDelete: they keep the old values",
                held.join(", ")
            ),
        )
    })
}
