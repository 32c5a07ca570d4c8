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
        for gone in leaving(&draft.work) {
            left(scene, item, &gone, found);
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

/// A pod that goes.
struct Leaving<'a> {
    target: &'a ObjectRef,
    owner: Option<&'a ObjectRef>,
    /// Its budgets are asked, and waited for.
    asks: bool,
}

fn left(scene: &Scene<'_>, item: usize, gone: &Leaving<'_>, found: &mut Findings) {
    let target = gone.target;
    let Ok(pod) = scene.before.object(target) else { return };
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
    if let Some(since) = text("/metadata/deletionTimestamp") {
        let node = text("/spec/nodeName").unwrap_or("its node");
        found.refuse(
            item,
            format!(
                "{target} is being deleted already (deletionTimestamp {since}) and goes when {node} confirms that it has stopped: \
                 another deletion changes nothing, and forcing it away could leave two of it running; repair {node}, or switch it off for certain"
            ),
        );
    }
    if let Some((name, 0)) = tightest(scene, target.namespace.as_deref(), pod) {
        let what = if gone.asks {
            "an eviction waits until it does, perhaps in vain"
        } else {
            "a deletion does not ask it"
        };
        found.concern(item, RiskLevel::High, format!("{name} lets no pod go now, and {what}: {target}"));
    }
    let single = gone
        .owner
        .filter(|owner| scene.after.object(owner).is_ok_and(|owner| replicas(owner) == 1));
    if let Some(owner) = single {
        found.concern(
            item,
            RiskLevel::High,
            format!("{target} is the only pod of {owner}: its restart is an interruption"),
        );
    }
}

fn leaving(work: &Work) -> impl Iterator<Item = Leaving<'_>> {
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
        } if target.kind == "Pod" => Some(Leaving {
            target,
            owner: owner.as_ref(),
            asks: false,
        }),
        Request::Evict { target, owner } => Some(Leaving {
            target,
            owner: owner.as_ref(),
            asks: true,
        }),
        Request::Delete { .. } | Request::Edit(_) | Request::Create { .. } | Request::Record { .. } => None,
    })
}

/// The budget that lets the fewest pods of that object go, and how many.
pub(super) fn tightest<'a>(scene: &Scene<'a>, namespace: Option<&str>, object: &Value) -> Option<(&'a ObjectRef, i64)> {
    let kind = Kind::within("policy/v1", "PodDisruptionBudget", namespace?);
    scene
        .after
        .all(&kind)?
        .into_iter()
        .filter(|(_, budget)| selects(budget, object))
        .filter_map(|(name, budget)| Some((name, budget.pointer("/status/disruptionsAllowed")?.as_i64()?)))
        .min_by_key(|(_, allowed)| *allowed)
}
