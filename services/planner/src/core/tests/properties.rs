//! Random sets of recommendations: whatever comes in, the plan is sound.

use std::{collections::BTreeMap, time::Duration};

use paramedic_domain::{
    change::Change,
    id::StepId,
    plan::{Plan, Recommendation},
};
use proptest::prelude::*;

use super::fixtures::{Case, recommendation};

const ACTIONS: [&str; 10] = [
    "collect_diagnostics",
    "backup_data",
    "increase_resources",
    "restart_pod",
    "enable_debug_mode",
    "template_of_other",
    "update_hpa",
    "notify_only",
    "delete_pod",
    "scale",
];

/// Up to 12 steps in a random order, each waiting for some of those that were drawn before it.
fn sets() -> impl Strategy<Value = Vec<Recommendation>> {
    let step = (0..ACTIONS.len(), any::<u16>(), any::<u32>());
    prop::collection::vec(step, 1..12).prop_map(|drawn| {
        let mut all: Vec<(u32, Recommendation)> = Vec::new();
        for (i, (action, edges, place)) in drawn.into_iter().enumerate() {
            let dependencies: Vec<String> = (0..i)
                .filter(|j| edges & (1 << j) != 0 && edges & (1 << (j + 4)) != 0)
                .map(|j| format!("s{j}"))
                .collect();
            let dependencies: Vec<&str> = dependencies.iter().map(String::as_str).collect();
            all.push((place, recommendation(&format!("s{i}"), ACTIONS[action], &dependencies)));
        }
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, recommendation)| recommendation).collect()
    })
}

fn reachable(plan: &Plan, from: &StepId) -> Vec<StepId> {
    let mut found: Vec<StepId> = plan.step(from).unwrap().depends_on.clone();
    let mut next = 0;
    while next < found.len() {
        for dependency in &plan.step(&found[next]).unwrap().depends_on {
            if !found.contains(dependency) {
                found.push(dependency.clone());
            }
        }
        next += 1;
    }
    found
}

/// The longest chain by brute force over the levels.
fn longest(plan: &Plan) -> Duration {
    let mut total: BTreeMap<&StepId, Duration> = BTreeMap::new();
    for step in &plan.steps {
        let before = step.depends_on.iter().map(|id| total[id]).max().unwrap_or_default();
        total.insert(&step.id, before + step.timeout);
    }
    total.into_values().max().unwrap_or_default()
}

proptest! {
    #[test]
    fn a_plan_is_sound(recommendations in sets()) {
        let case = Case::of(recommendations);
        let plan = case.plan().unwrap();
        let place: BTreeMap<&StepId, usize> = plan.steps.iter().enumerate().map(|(i, step)| (&step.id, i)).collect();
        prop_assert_eq!(plan.steps.len(), case.recommendations.len());

        for step in &plan.steps {
            // acyclic: running order respects every edge
            for dependency in &step.depends_on {
                prop_assert!(place[dependency] < place[&step.id]);
            }
            // nothing that was asked for is lost
            let original = case.recommendations.iter().find(|r| r.id == step.id).unwrap();
            for dependency in &original.dependencies {
                prop_assert!(step.depends_on.contains(dependency));
            }
            // production is changed behind a gate only
            if step.change.mutates() {
                let gate = step.gate.as_ref().and_then(|id| plan.gate(id));
                prop_assert!(gate.is_some_and(|gate| gate.steps.contains(&step.id)));
            }
            // a carried step follows its carrier, is in the same gate, and all it waits for outside the patch precedes the patch
            if let Change::Carried { by, .. } = &step.change {
                prop_assert!(reachable(&plan, &step.id).contains(by));
                prop_assert_eq!(&step.gate, &plan.step(by).unwrap().gate);
                prop_assert!(plan.step(by).unwrap().change.mutates());
                for dependency in &step.depends_on {
                    let rides = matches!(&plan.step(dependency).unwrap().change, Change::Carried { by: other, .. } if other == by);
                    prop_assert!(dependency == by || rides || reachable(&plan, by).contains(dependency));
                }
            }
        }
        // two changes of one object are never concurrent
        let mutating: Vec<_> = plan.steps.iter().filter(|step| step.change.mutates()).collect();
        for (i, earlier) in mutating.iter().enumerate() {
            for later in &mutating[i + 1..] {
                let theirs = later.change.lease_targets();
                let same = earlier.change.lease_targets().iter().any(|one| theirs.iter().any(|other| one.same_object(other)));
                prop_assert!(!same || reachable(&plan, &later.id).contains(&earlier.id));
            }
        }
        // levels: a step is exactly one level below the deepest thing it waits for
        let level: BTreeMap<&StepId, usize> = plan.levels.iter().enumerate().flat_map(|(i, ids)| ids.iter().map(move |id| (id, i))).collect();
        for step in &plan.steps {
            let wanted = step.depends_on.iter().map(|id| level[id] + 1).max().unwrap_or(0);
            prop_assert_eq!(level[&step.id], wanted);
        }
        // the critical path is a chain of dependencies and as long as the longest one
        prop_assert_eq!(plan.longest, longest(&plan));
        for pair in plan.critical_path.windows(2) {
            prop_assert!(plan.step(&pair[1]).unwrap().depends_on.contains(&pair[0]));
        }
        let along: Duration = plan.critical_path.iter().map(|id| plan.step(id).unwrap().timeout).sum();
        prop_assert_eq!(along, plan.longest);
    }
}
