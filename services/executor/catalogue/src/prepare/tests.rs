//! The seven steps of the memory leak, and steps that build on each other.

use serde_json::{Value, json};

use super::*;
use crate::actions::Catalogue;

fn world() -> World {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "pay", "namespace": "production", "uid": "u-1", "annotations": {}},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "pay"}}, "template": {"metadata": {"labels": {"app": "pay"}}, "spec": {"containers": [
            {"name": "pay", "args": ["--port=8080"], "resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}}}]}}}
    });
    let hpa = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "pay-hpa", "namespace": "production", "uid": "u-2"}, "spec": {"minReplicas": 4, "maxReplicas": 12}
    });
    World {
        objects: vec![
            (ObjectRef::new("apps/v1", "Deployment", Some("production"), "pay"), deployment),
            (
                ObjectRef::new("autoscaling/v2", "HorizontalPodAutoscaler", Some("production"), "pay-hpa"),
                hpa,
            ),
        ],
        ..World::default()
    }
}

fn item(step: &str, action: &str, params: Value) -> Item {
    Item {
        step: step.parse().unwrap(),
        action: Catalogue::default().find(action).unwrap().clone(),
        params: params.as_object().unwrap().clone(),
    }
}

fn p01() -> Vec<Item> {
    let target = |extra: Value| {
        let mut params = json!({"deployment": "pay", "namespace": "production"});
        params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        params
    };
    vec![
        item("rec-001", "collect_diagnostics", target(json!({"type": "heap_dump"}))),
        item("rec-002", "backup_data", target(json!({"paths": ["/var/log/payments"]}))),
        item("rec-003", "increase_resources", target(json!({"memory": "3Gi"}))),
        item("rec-004", "restart_pod", target(json!({"strategy": "rolling"}))),
        item(
            "rec-005",
            "enable_debug_mode",
            target(json!({"debug_flags": ["--memory-profile=true"]})),
        ),
        item(
            "rec-006",
            "update_hpa",
            json!({"hpa": "pay-hpa", "namespace": "production", "maxReplicas": 8}),
        ),
        item(
            "rec-007",
            "notify_only",
            json!({"type": "jira", "project": "PAYMENT", "priority": "high", "attachments": ["heap_dump_rec-001"]}),
        ),
    ]
}

fn run(items: &[Item], assumed: &[Assumed]) -> Merged {
    let now = "2026-11-22T10:00:00Z".parse().unwrap();
    prepare(items, world(), assumed, &"plan_a".parse().unwrap(), now)
}

#[test]
fn the_seven_steps_stay_seven_and_their_template_changes_become_one_rollout() {
    let merged = run(&p01(), &[]);
    let kinds: Vec<String> = merged
        .outcomes
        .iter()
        .map(|outcome| match &outcome.pending {
            Err(refused) => format!("refused: {refused}"),
            Ok(Pending::Ready(Change::Carried { by, expect, .. })) => format!("carried by {by}, {expect:?}"),
            Ok(Pending::Ready(Change::Exec(exec))) => format!("exec {}", exec.argv.join(" ")),
            Ok(Pending::Ready(Change::Notify(notice))) => format!("notify with {:?}", notice.attachments),
            Ok(Pending::Ready(change)) => format!("reads: {}", change.read_only()),
            Ok(Pending::One(PendingRequest::Patch { edit, built, wait, .. })) => {
                format!(
                    "patch of {}, {} lines, {wait:?}, template {}",
                    edit.target,
                    built.diff.len(),
                    edit.template
                )
            }
            Ok(other) => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "reads: true",
            "exec tar cf - -C / var/log/payments",
            "patch of Deployment production/pay, 3 lines, Accepted, template true",
            "carried by rec-003, RolledOut",
            "carried by rec-003, InTemplate",
            "patch of HorizontalPodAutoscaler production/pay-hpa, 1 lines, Accepted, template false",
            "notify with [rec-001]",
        ]
    );
    let merge =
        "the template changes of rec-003 and rec-004, rec-005 are one patch of Deployment production/pay: its pods are replaced once";
    assert!(merged.notes.iter().any(|note| note == merge), "{:?}", merged.notes);
    assert!(
        merged
            .notes
            .iter()
            .any(|note| note.contains("rec-005") && note.contains("taken back alone")),
        "{:?}",
        merged.notes
    );
    let debug = &merged.outcomes[4];
    assert!(matches!(debug.lasts, Some(Lasts::For { duration }) if duration.as_secs() == 3600));
    let Ok(Pending::Ready(Change::Carried { part: Some(part), .. })) = &debug.pending else {
        panic!("{debug:?}")
    };
    // Taken back alone: the flags go, the memory of the step that carried them stays.
    let Ok(Pending::One(PendingRequest::Patch { built, .. })) = &merged.outcomes[2].pending else {
        panic!("{merged:?}")
    };
    let after = assume(&built.after, std::slice::from_ref(&part.undo)).unwrap();
    let container = |object: &Value| object.pointer("/spec/template/spec/containers/0").cloned().unwrap();
    assert_eq!(container(&built.after)["args"], json!(["--port=8080", "--memory-profile=true"]));
    assert_eq!(container(&after)["args"], json!(["--port=8080"]));
    assert_eq!(container(&after)["resources"], container(&built.after)["resources"]);
}

#[test]
fn flags_that_others_write_next_to_are_a_patch_of_their_own() {
    let flags = |step: &str, flag: &str| {
        let params = json!({"deployment": "pay", "namespace": "production", "debug_flags": [flag]});
        item(step, "enable_debug_mode", params)
    };
    let items = [p01().remove(2), flags("one", "--a"), flags("two", "--b")];
    let merged = run(&items, &[]);
    for outcome in &merged.outcomes {
        assert!(matches!(&outcome.pending, Ok(Pending::One(_))), "{outcome:?}");
    }
}

#[test]
fn a_change_is_computed_against_what_earlier_plans_leave_behind() {
    let first = run(&p01()[2..3], &[]);
    let Ok(Pending::One(PendingRequest::Patch { edit, built, wait, .. })) = &first.outcomes[0].pending else {
        panic!("{first:?}")
    };
    assert_eq!(*wait, Wait::Rollout);
    let assumed = [Assumed {
        target: edit.target.clone(),
        patch: built.patch.clone(),
    }];
    let items = [item(
        "again",
        "increase_resources",
        json!({"deployment": "pay", "namespace": "production", "memory": "4Gi"}),
    )];
    let second = run(&items, &assumed);
    let Ok(Pending::One(PendingRequest::Patch { built, prior, .. })) = &second.outcomes[0].pending else {
        panic!("{second:?}")
    };
    assert_eq!(
        (built.diff[0].from.as_deref(), built.diff[0].to.as_deref()),
        (Some("3Gi"), Some("4Gi"))
    );
    assert_eq!(prior.len(), 1);
    // An assumption that the cluster contradicts is said, not ignored.
    let mut wrong = assumed.clone();
    wrong[0].patch = built.patch.clone();
    assert!(matches!(&run(&items, &wrong).outcomes[0].pending, Err(refused) if refused.reason.contains("earlier step")));
}

#[test]
fn a_refused_step_does_not_take_the_others_along() {
    let mut items = p01();
    items[2].params.insert("memory".into(), "1Gi".into());
    let merged = run(&items, &[]);
    assert!(matches!(&merged.outcomes[2].pending, Err(refused) if refused.reason.contains("only increases")));
    assert!(matches!(
        &merged.outcomes[3].pending,
        Ok(Pending::One(PendingRequest::Patch { wait: Wait::Rollout, .. }))
    ));
    assert!(matches!(&merged.outcomes[4].pending, Ok(Pending::Ready(Change::Carried { by, .. })) if by.as_str() == "rec-004"));
}

#[test]
fn no_template_is_changed_that_would_never_roll_out() {
    let target = |extra: Value| {
        let mut params = json!({"deployment": "pay", "namespace": "production"});
        params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        params
    };
    for (field, value, said) in [
        ("paused", json!(true), "is paused"),
        ("updateStrategy", json!({"type": "OnDelete"}), "OnDelete"),
    ] {
        let mut world = world();
        world.objects[0].1["spec"][field] = value;
        for (action, more) in [
            ("set_image", json!({"image": "registry.example.com/pay:2"})),
            ("patch_env", json!({"set": {"LOG_LEVEL": "debug"}})),
            ("increase_resources", json!({"memory": "3Gi"})),
            ("enable_debug_mode", json!({"debug_flags": ["--debug"]})),
            ("rolling_restart", json!({})),
        ] {
            let merged = prepare(
                &[item("rec-001", action, target(more))],
                world.clone(),
                &[],
                &"plan_a".parse().unwrap(),
                "2026-11-22T10:00:00Z".parse().unwrap(),
            );
            let Err(refused) = &merged.outcomes[0].pending else {
                panic!("{action} was planned")
            };
            assert!(refused.reason.contains(said), "{action}: {}", refused.reason);
        }
    }
}
