//! Whether every change was tried, its state before was kept, and it can be put back.

use paramedic_domain::{
    change::{Call, Change, DryRun, Operation},
    plan::{Plan, Step},
};

use super::{super::truth::Truth, Line, answer::Answer};

/// Dry run, state before, undo.
pub fn line(truth: &Truth, answer: &Answer<'_>) -> Line {
    let mut why: Vec<String> = answer.plan.into_iter().flat_map(changes).flat_map(flaws).collect();
    let nothing = answer.plan.is_none_or(|plan| changes(plan).next().is_none());
    if nothing && !truth.plan.accept.iter().any(Vec::is_empty) {
        why.push("nothing was to be changed".to_owned());
    }
    Line::all_or_nothing("dry run and undo", 5, why)
}

fn changes(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|step| step.change.mutates())
}

fn flaws(step: &Step) -> Vec<String> {
    let mut why = match &step.change {
        Change::Call(call) => called(call).into_iter().collect(),
        change => change.operations().iter().flat_map(operation).collect::<Vec<_>>(),
    };
    for text in &mut why {
        *text = format!("{} {}: {text}", step.id, step.action);
    }
    why
}

/// Where a dry run cannot be made, it is said why.
fn untried(dry_run: &DryRun) -> Option<String> {
    match dry_run {
        DryRun::Accepted { .. } => None,
        DryRun::Rejected { message } => Some(format!("its dry run was refused: {message}")),
        DryRun::Unavailable { reason } => reason.is_empty().then(|| "it was not dry-run".to_owned()),
    }
}

fn operation(operation: &Operation) -> Vec<String> {
    let kept = match operation {
        Operation::Patch(patch) => {
            let undo = !patch.undo.is_empty() || patch.irreversible.is_some();
            match (patch.diff.is_empty(), undo) {
                (true, _) => Some("it does not say what was there before"),
                (false, false) => Some("it has no undo and does not say why"),
                (false, true) => None,
            }
        }
        // Undo deletes it.
        Operation::Create(_) => None,
        Operation::Delete(deletion) => (deletion.restore.is_none() && deletion.owner.is_none() && deletion.ended.is_none())
            .then_some("what is deleted is not kept, and nothing replaces it"),
        Operation::Evict(eviction) => eviction.owner.is_none().then_some("nothing replaces the pod"),
        // The record that it is made of stays.
        Operation::Record(_) => None,
    };
    untried(operation.dry_run()).into_iter().chain(kept.map(str::to_owned)).collect()
}

fn called(call: &Call) -> Option<String> {
    match call {
        Call::Request(request) => {
            let undo = request.undo.is_some() || request.irreversible.is_some();
            untried(&request.dry_run).or_else(|| (!undo).then(|| "it has no undo and does not say why".to_owned()))
        }
        Call::Apply(plan) => untried(&plan.dry_run),
        // Silences end, branches are proposals, tickets are words.
        Call::Silence(_) | Call::Commit(_) | Call::Ticket(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::*;

    #[test]
    fn each_of_dry_run_state_before_and_undo_is_needed() {
        for (field, value, worth) in [
            ("dry_run", json!({"type": "unavailable", "reason": ""}), 0),
            ("dry_run", json!({"type": "rejected", "message": "no"}), 0),
            (
                "dry_run",
                json!({"type": "unavailable", "reason": "an earlier step has to run first"}),
                5,
            ),
            ("diff", json!([]), 0),
            ("undo", json!([]), 0),
        ] {
            let score = Case::good()
                .planned(|plan| plan["steps"][1]["change"][field] = value.clone())
                .score();
            assert_eq!(points(&score, &["dry run and undo"]), [worth], "{field} {value}");
        }
    }

    #[test]
    fn a_change_without_an_undo_that_says_why_is_fine() {
        let score = Case::good()
            .planned(|plan| {
                plan["steps"][1]["change"]["undo"] = json!([]);
                plan["steps"][1]["change"]["irreversible"] = json!("volumes do not shrink");
            })
            .score();
        assert_eq!(points(&score, &["dry run and undo"]), [5]);
    }

    #[test]
    fn what_is_deleted_for_good_is_not() {
        let delete = |restore: serde_json::Value| {
            let change = json!({"type": "delete", "target": {"api_version": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "checkout", "uid": "u"},
                "owner": null, "dry_run": {"type": "accepted", "warnings": []}, "restore": restore});
            let score = Case::good().planned(|plan| plan["steps"][1]["change"] = change.clone()).score();
            points(&score, &["dry run and undo"])
        };
        assert_eq!((delete(json!(null)), delete(json!({"kind": "Deployment"}))), (vec![0], vec![5]));
    }

    #[test]
    fn a_plan_that_changes_nothing_has_tried_nothing() {
        let idle = || Case::good().until("plan_proposed");
        assert_eq!(points(&idle().score(), &["dry run and undo"]), [0]);
        assert_eq!(
            points(&idle().truth_plan("accept", json!([[]])).score(), &["dry run and undo"]),
            [5]
        );
    }
}
