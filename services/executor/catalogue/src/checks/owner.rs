//! Who else writes the object, and will put its own state back.

use paramedic_domain::risk::RiskLevel;
use serde_json::Value;

use super::{Findings, Scene};
use crate::{context::gitops_owner, references::items};

/// API groups of Kubernetes' own controllers, whose children are meant to be looked at through them.
const OWN: [&str; 4] = ["apps", "batch", "autoscaling", "policy"];

pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for (item, edit) in scene.edits() {
        let Ok(object) = scene.before.object(&edit.target) else { continue };
        for (kind, name, group) in operators(object) {
            found.concern(
                item,
                RiskLevel::High,
                format!(
                    "{} belongs to {kind} {name} ({group}): its operator will put its own state back; change that {kind} instead",
                    edit.target
                ),
            );
        }
        if let Some(tool) = gitops_owner(object) {
            found.note(
                item,
                format!(
                    "{tool} deploys {}: the change lasts only if its manifests change, too (update_git_manifests)",
                    edit.target
                ),
            );
        }
    }
}

/// Kind, name and group of the controlling owners that are not Kubernetes' own.
fn operators(object: &Value) -> impl Iterator<Item = (&str, &str, &str)> {
    items(object, "/metadata/ownerReferences").filter_map(|owner| {
        let text = |name: &str| owner.get(name).and_then(Value::as_str);
        let (group, _) = text("apiVersion")?.split_once('/')?;
        let controls = owner.get("controller").and_then(Value::as_bool) == Some(true);
        (controls && !OWN.contains(&group)).then_some((text("kind")?, text("name")?, group))
    })
}
