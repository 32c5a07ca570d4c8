//! Pods that go by deletion or scaling, and the budgets and replicas that cannot spare them.

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use serde_json::Value;

use super::{
    Findings, Scene,
    workloads::{Workload, changed, replicas},
};
use crate::{
    action::{Request, Work},
    context::selects,
    world::Kind,
};

pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in changed(scene) {
        let (before, after) = (replicas(workload.before), replicas(workload.after));
        if after < before
            && let Some((name, allowed)) = tightest(scene, workload.reference.namespace.as_deref(), workload.after)
            && allowed < before - after
        {
            // Scaling asks no budget: the API server would let it happen.
            found.concern(
                workload.last,
                RiskLevel::High,
                format!(
                    "{} of {before} pods of {} go, but {name} lets {allowed} go now; scaling does not ask it",
                    before - after,
                    workload.reference
                ),
            );
        }
        if workload.replaced && matches!(&scene.drafts[workload.last], Ok(draft) if matches!(draft.work, Work::Several(_))) {
            replaced(scene, &workload, found);
        }
        if after == 1 && before > 1 {
            found.concern(
                workload.last,
                RiskLevel::Medium,
                format!(
                    "{} keeps a single pod: the next restart of it is an interruption",
                    workload.reference
                ),
            );
        }
    }
    for (item, draft) in scene.drafts.iter().enumerate() {
        let Ok(draft) = draft else { continue };
        for (target, owner) in deletions(&draft.work) {
            deleted(scene, item, target, owner, found);
        }
    }
}

/// Of a step with several requests the surroundings of the first object alone are looked at for its risk.
fn replaced(scene: &Scene<'_>, workload: &Workload<'_>, found: &mut Findings) {
    if replicas(workload.after) == 1 {
        let text = format!("a single replica: the restart of {} is an interruption", workload.reference);
        found.concern(workload.last, RiskLevel::High, text);
    }
    if let Some((name, 0)) = tightest(scene, workload.reference.namespace.as_deref(), workload.after) {
        let text = format!("{name} allows no disruption of {} now", workload.reference);
        found.concern(workload.last, RiskLevel::High, text);
    }
}

fn deleted(scene: &Scene<'_>, item: usize, target: &ObjectRef, owner: Option<&ObjectRef>, found: &mut Findings) {
    let Ok(pod) = scene.before.object(target) else { return };
    if let Some((name, 0)) = tightest(scene, target.namespace.as_deref(), pod) {
        found.concern(
            item,
            RiskLevel::High,
            format!("{name} lets no pod go now, and a deletion does not ask it: {target}"),
        );
    }
    let single = owner.filter(|owner| scene.after.object(owner).is_ok_and(|owner| replicas(owner) == 1));
    if let Some(owner) = single {
        found.concern(
            item,
            RiskLevel::High,
            format!("{target} is the only pod of {owner}: its restart is an interruption"),
        );
    }
}

fn deletions(work: &Work) -> impl Iterator<Item = (&ObjectRef, Option<&ObjectRef>)> {
    let requests: &[Request] = match work {
        Work::One(request) => std::slice::from_ref(request),
        Work::Several(requests) => requests,
        Work::Read { .. } | Work::Exec(_) | Work::Call(_) | Work::Notify(_) => &[],
    };
    requests.iter().filter_map(|request| match request {
        Request::Delete {
            target,
            owner,
            ended: None,
            ..
        } if target.kind == "Pod" => Some((target, owner.as_ref())),
        Request::Delete { .. } | Request::Edit(_) | Request::Create { .. } | Request::Evict { .. } => None,
    })
}

/// The budget that lets the fewest pods of that object go, and how many.
fn tightest<'a>(scene: &Scene<'a>, namespace: Option<&str>, object: &Value) -> Option<(&'a ObjectRef, i64)> {
    let kind = Kind::within("policy/v1", "PodDisruptionBudget", namespace?);
    scene
        .after
        .all(&kind)?
        .into_iter()
        .filter(|(_, budget)| selects(budget, object))
        .filter_map(|(name, budget)| Some((name, budget.pointer("/status/disruptionsAllowed")?.as_i64()?)))
        .min_by_key(|(_, allowed)| *allowed)
}
