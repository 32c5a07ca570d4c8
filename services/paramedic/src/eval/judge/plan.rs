//! The actions of the plan, and the order they come in.

use std::collections::BTreeSet;

use paramedic_domain::{
    change::Change,
    id::StepId,
    plan::{Plan, Step},
};
use paramedic_simulator::recording::Word;

use super::{
    super::truth::{ActionPattern, Truth},
    Line, Seen,
    actions::Actions,
    answer::Answer,
};

/// An accepted set, the graph, and what is too much.
pub fn lines(truth: &Truth, seen: &Seen<'_>, answer: &Answer<'_>, actions: &Actions) -> Vec<Line> {
    let (mut accepted, mut graph, mut extra) = (Vec::new(), Vec::new(), Vec::new());
    let nothing = truth.plan.accept.iter().any(Vec::is_empty);
    match answer.plan {
        Some(plan) => {
            accepted = none_accepted(truth, plan, actions);
            graph = flaws(truth, plan, actions);
            extra = too_much(truth, plan, actions);
        }
        None if nothing => {}
        None => [&mut accepted, &mut graph, &mut extra]
            .into_iter()
            .for_each(|why| why.push("there is no plan".to_owned())),
    }
    accepted.extend(uncalled(truth, seen.commands));
    vec![
        Line::all_or_nothing("accepted actions", 10, accepted),
        Line::all_or_nothing("graph", 5, graph),
        Line::all_or_nothing("nothing else", 5, extra),
    ]
}

/// The first call that is missing where it should be.
fn uncalled(truth: &Truth, commands: &[String]) -> Option<String> {
    let mut left = commands.iter();
    let missing = truth.plan.commands.iter().find(|phrase| !left.any(|call| phrase.said_in(call)));
    missing.map(|phrase| format!("no call of {phrase} where it should be, in: {}", commands.join("; ")))
}

fn none_accepted(truth: &Truth, plan: &Plan, actions: &Actions) -> Vec<String> {
    let all = |set: &Vec<ActionPattern>| match set.as_slice() {
        [] => plan.steps.iter().all(|step| actions.only_reads(step)),
        patterns => patterns
            .iter()
            .all(|pattern| plan.steps.iter().any(|step| actions.fits(pattern, step))),
    };
    if truth.plan.accept.iter().any(all) {
        return Vec::new();
    }
    let names: Vec<&str> = plan.steps.iter().map(|step| step.action.as_str()).collect();
    vec![format!("no accepted set of actions is in {}", names.join(", "))]
}

fn too_much(truth: &Truth, plan: &Plan, actions: &Actions) -> Vec<String> {
    let accepted = |step: &Step| truth.plan.accept.iter().flatten().any(|pattern| actions.fits(pattern, step));
    plan.steps
        .iter()
        .filter(|step| !actions.only_reads(step) && !accepted(step))
        .map(|step| {
            let parameters = serde_json::Value::Object(step.parameters.clone());
            format!("{} {} with {parameters} is in no accepted set", step.id, step.action)
        })
        .collect()
}

fn flaws(truth: &Truth, plan: &Plan, actions: &Actions) -> Vec<String> {
    let mut why = Vec::new();
    let mut seen = BTreeSet::new();
    for step in &plan.steps {
        // Steps stand in an order that respects their dependencies, so a cycle has one that comes too late.
        for dependency in step.depends_on.iter().filter(|dependency| !seen.contains(dependency)) {
            why.push(format!("{} depends on {dependency}, which does not come before it", step.id));
        }
        if !seen.insert(&step.id) {
            why.push(format!("{} is there twice", step.id));
        }
    }
    for gate in &plan.gates {
        let missing = gate.steps.iter().filter(|step| plan.step(step).is_none());
        why.extend(missing.map(|step| format!("{} holds {step}, which is not in the plan", gate.id)));
    }
    for (first, second) in &truth.plan.order {
        why.extend(out_of_order(plan, first, second, actions));
    }
    why
}

/// What of `second` comes without `first` before it, where the plan has both. Something that only reads may be done before as well, if it
/// is done again after.
fn out_of_order(plan: &Plan, first: &Word, second: &Word, actions: &Actions) -> Option<String> {
    let of = |word: &Word| plan.steps.iter().filter(|step| actions.named(word, step)).collect::<Vec<_>>();
    let (firsts, seconds) = (of(first), of(second));
    if firsts.is_empty() || seconds.is_empty() {
        return None;
    }
    let preceded = |step: &Step| firsts.iter().any(|first| comes_before(plan, first, step));
    let late: Vec<_> = seconds.iter().filter(|step| !preceded(step)).collect();
    let may_repeat = seconds.iter().all(|step| actions.only_reads(step));
    if late.is_empty() || may_repeat && late.len() < seconds.len() {
        return None;
    }
    Some(format!("{} does not wait for {first}", late[0].id))
}

/// Whether the graph lets `second` begin only after `first`. A step whose change is part of another's happens with that one.
fn comes_before(plan: &Plan, first: &Step, second: &Step) -> bool {
    let (first, second) = (acting(first), acting(second));
    let mut before = BTreeSet::new();
    let mut open: Vec<&StepId> = vec![second];
    while let Some(step) = open.pop().and_then(|id| plan.step(id)) {
        for dependency in &step.depends_on {
            if before.insert(dependency) {
                open.push(dependency);
            }
        }
    }
    first == second || before.contains(first)
}

fn acting(step: &Step) -> &StepId {
    match &step.change {
        Change::Carried { by, .. } => by,
        _ => &step.id,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::*;

    const RULES: [&str; 3] = ["accepted actions", "graph", "nothing else"];

    #[test]
    fn the_wrong_parameters_are_another_action() {
        let score = Case::good()
            .planned(|plan| plan["steps"][1]["parameters"]["deployment"] = json!("cart"))
            .score();
        assert_eq!(points(&score, &RULES), [0, 5, 0]);
        assert!(why(&score, "nothing else").contains("cart"));
    }

    #[test]
    fn an_alias_is_the_same_action() {
        let score = Case::good().truth_plan("accept", json!([[{"action": "rollout_undo"}]])).score();
        assert_eq!(points(&score, &RULES), [10, 5, 5]);
    }

    #[test]
    fn a_change_beside_the_accepted_ones_is_too_much() {
        let score = Case::good()
            .planned(|plan| {
                let mut more = plan["steps"][1].clone();
                more["id"] = json!("rec-009");
                more["action"] = json!("scale");
                plan["steps"].as_array_mut().unwrap().push(more);
            })
            .score();
        assert_eq!(points(&score, &RULES), [10, 5, 0]);
    }

    #[test]
    fn what_has_to_come_first_comes_first() {
        let order = Case::good().planned(|plan| plan["steps"][1]["depends_on"] = json!([])).score();
        assert_eq!(points(&order, &RULES), [10, 0, 5]);
        assert!(why(&order, "graph").contains("rec-002 does not wait for collect_diagnostics"));
    }

    #[test]
    fn a_change_inside_another_ones_patch_happens_with_it() {
        // The step itself waits for the diagnostics, the patch that carries it does not.
        let carried = |first: serde_json::Value| {
            Case::good()
                .truth_plan("order", json!([["collect_diagnostics", "enable_debug_mode"]]))
                .planned(|plan| {
                    let mut more = plan["steps"][1].clone();
                    more["id"] = json!("rec-009");
                    more["action"] = json!("enable_debug_mode");
                    more["depends_on"] = json!(["rec-001", "rec-002"]);
                    more["change"] = json!({"type": "carried", "by": "rec-002", "expect": "in_template"});
                    plan["steps"].as_array_mut().unwrap().push(more);
                    plan["steps"][1]["depends_on"] = first.clone();
                })
                .score()
        };
        assert_eq!(points(&carried(json!([])), &["graph"]), [0]);
        assert_eq!(points(&carried(json!(["rec-001"])), &["graph"]), [5]);
    }

    #[test]
    fn a_cycle_and_a_dependency_on_nothing_are_no_graph() {
        for dependencies in [json!(["rec-002"]), json!(["rec-007"])] {
            let score = Case::good()
                .planned(|plan| plan["steps"][0]["depends_on"] = dependencies.clone())
                .score();
            assert_eq!(points(&score, &["graph"]), [0], "{dependencies}");
        }
    }

    #[test]
    fn no_plan_is_right_only_where_nothing_is_to_be_changed() {
        let none = || Case::good().until("plan_proposed");
        assert_eq!(points(&none().score(), &RULES), [0, 0, 0]);
        assert_eq!(points(&none().truth_plan("accept", json!([[]])).score(), &RULES), [10, 5, 5]);
        let changed = Case::good().truth_plan("accept", json!([[]])).score();
        assert_eq!(points(&changed, &RULES), [0, 5, 0]);
    }
}
