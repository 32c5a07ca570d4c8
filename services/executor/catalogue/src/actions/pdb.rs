//! `update_pdb`: a PodDisruptionBudget, for as long as the workflow runs.

use paramedic_domain::{object::ObjectRef, plan::Lasts, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path},
    world::{Need, World, with_uid},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "update_pdb",
    aliases: &["patch_pdb", "relax_pdb", "update_pod_disruption_budget"],
    about: About {
        description: "changes how many pods a PodDisruptionBudget lets go, until the workflow has ended",
        risk: "medium: it protects less for a while; high when every pod may go",
        undo: "the old budget is put back when the workflow has ended, whatever becomes of it",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<UpdatePdb>,
    needs,
    draft,
};

/// A number of pods or a share of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Amount {
    /// Pods.
    Pods(u32),
    /// A share like `50%`.
    Share(String),
}

/// A new bound; exactly one of both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdatePdb {
    /// Namespace.
    namespace: String,
    /// Name of the PodDisruptionBudget.
    #[serde(alias = "name", alias = "podDisruptionBudget")]
    pdb: String,
    /// Pods that must stay, as a number or a share like `50%`.
    #[serde(rename = "minAvailable", alias = "min_available")]
    min_available: Option<Amount>,
    /// Pods that may go, as a number or a share like `25%`.
    #[serde(rename = "maxUnavailable", alias = "max_unavailable")]
    max_unavailable: Option<Amount>,
}

impl UpdatePdb {
    fn target(&self) -> ObjectRef {
        ObjectRef::new("policy/v1", "PodDisruptionBudget", Some(&self.namespace), &self.pdb)
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(vec![Need::Object(parse::<UpdatePdb>(params)?.target())])
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: UpdatePdb = parse(params)?;
    let (field, other, amount) = match (&params.min_available, &params.max_unavailable) {
        (Some(amount), None) => ("minAvailable", "maxUnavailable", amount),
        (None, Some(amount)) => ("maxUnavailable", "minAvailable", amount),
        _ => return refuse("parameters: exactly one of minAvailable and maxUnavailable must be given"),
    };
    let target = params.target();
    let object = world.object(&target)?;
    let pods = object.pointer("/status/expectedPods").and_then(Value::as_u64);
    let wanted = match amount {
        Amount::Pods(number) => json!(number),
        Amount::Share(text) => {
            let share = text.strip_suffix('%').and_then(|number| number.parse::<u64>().ok());
            if share.is_none_or(|share| share > 100) {
                return Err(Refused::parameter(
                    &format!("/{field}"),
                    format!("{text:?} is neither a number of pods nor a share like \"50%\""),
                ));
            }
            json!(text)
        }
    };
    let mut edits = vec![Edit::set(Path::new(["spec", field]), wanted)];
    let removed = Path::new(["spec", other]);
    if removed.read(object).is_some() {
        edits.push(Edit::remove(removed));
    }
    if edits.iter().all(|edit| edit.path.read(object) == edit.value.as_ref()) {
        return refuse(format!("{target} already has {field} {}", shown(amount)));
    }
    let draft = Draft::from(ObjectEdit::plain(with_uid(&target, object), edits)).lasting(Lasts::Workflow);
    Ok(if allows_all(field, amount, pods) {
        draft.concern(
            RiskLevel::High,
            format!("{target} would let every pod go at once: it protects nothing while the workflow runs"),
        )
    } else {
        draft.concern(
            RiskLevel::Medium,
            format!("{target} protects otherwise while the workflow runs: {field} {}", shown(amount)),
        )
    })
}

fn shown(amount: &Amount) -> String {
    match amount {
        Amount::Pods(number) => number.to_string(),
        Amount::Share(text) => text.clone(),
    }
}

fn allows_all(field: &str, amount: &Amount, pods: Option<u64>) -> bool {
    match (field, amount) {
        ("minAvailable", Amount::Pods(number)) => *number == 0,
        ("minAvailable", Amount::Share(text)) => text == "0%",
        (_, Amount::Pods(number)) => pods.is_some_and(|pods| u64::from(*number) >= pods),
        (_, Amount::Share(text)) => text == "100%",
    }
}
