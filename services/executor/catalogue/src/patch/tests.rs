//! Patches go and come back, pin what was seen, and say what differs.

mod lists;

use json_patch::Patch;
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::*;

fn deployment() -> Value {
    json!({
        "kind": "Deployment",
        "metadata": {"name": "pay", "uid": "u-1", "resourceVersion": "7", "annotations": {"deployment.kubernetes.io/revision": "3"}},
        "spec": {"replicas": 4, "template": {
            "metadata": {"labels": {"app": "pay"}},
            "spec": {"containers": [
                {"name": "side", "image": "s:1"},
                {"name": "pay", "image": "p:1", "args": ["--port=8080"], "resources": {"limits": {"memory": "2Gi"}}}
            ]}
        }}
    })
}

fn p01() -> Vec<Edit> {
    let container = Path::new(["spec", "template", "spec", "containers", "1"]);
    vec![
        Edit::set(container.join(["resources", "limits", "memory"]), "3Gi"),
        Edit::set(
            Path::new(["spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"]),
            "2026-11-22T10:00:00Z",
        ),
        Edit::set(container.join(["args"]), json!(["--port=8080", "--memory-profile=true"])),
    ]
}

fn applied(object: &Value, patch: &Patch) -> Result<Value, json_patch::PatchError> {
    let mut after = object.clone();
    json_patch::patch(&mut after, patch)?;
    Ok(after)
}

fn without_mark(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(STEP_ANNOTATION);
        if annotations.is_empty() {
            object["metadata"].as_object_mut().unwrap().remove("annotations");
        }
    }
    object
}

#[test]
fn three_template_changes_are_one_patch_that_pins_every_old_value() {
    let object = deployment();
    let built = build(&object, &p01(), Mark::Step("plan_a/rec-003", 1)).unwrap();
    let operations = serde_json::to_value(&built.patch).unwrap();
    let expected = json!([
        {"op": "test", "path": "/metadata/uid", "value": "u-1"},
        {"op": "test", "path": "/spec/template/spec/containers/1/name", "value": "pay"},
        {"op": "test", "path": "/spec/template/spec/containers/1/resources/limits/memory", "value": "2Gi"},
        {"op": "test", "path": "/spec/template/metadata", "value": {"labels": {"app": "pay"}}},
        {"op": "test", "path": "/spec/template/spec/containers/1/args", "value": ["--port=8080"]},
        {"op": "replace", "path": "/spec/template/spec/containers/1/resources/limits/memory", "value": "3Gi"},
        {"op": "add", "path": "/spec/template/metadata/annotations", "value": {"kubectl.kubernetes.io/restartedAt": "2026-11-22T10:00:00Z"}},
        {"op": "replace", "path": "/spec/template/spec/containers/1/args", "value": ["--port=8080", "--memory-profile=true"]},
        {"op": "add", "path": "/metadata/annotations/paramedic.dev~1step", "value": "plan_a/rec-003"}
    ]);
    assert_eq!(operations, expected);
    let lines: Vec<String> = built
        .diff
        .iter()
        .map(|change| format!("{}: {:?} -> {:?}", change.path, change.from.as_deref(), change.to.as_deref()))
        .collect();
    assert_eq!(
        lines,
        [
            "spec.template.metadata.annotations[kubectl.kubernetes.io/restartedAt]: None -> Some(\"2026-11-22T10:00:00Z\")",
            "spec.template.spec.containers[pay].args: Some(\"[\\\"--port=8080\\\"]\") -> Some(\"[\\\"--port=8080\\\",\\\"--memory-profile=true\\\"]\")",
            "spec.template.spec.containers[pay].resources.limits.memory: Some(\"2Gi\") -> Some(\"3Gi\")",
        ]
    );
    assert_eq!(applied(&object, &built.patch).unwrap(), built.after);
}

#[test]
fn the_undo_pins_what_the_server_made_of_the_values() {
    let object = deployment();
    let edits = [Edit::set(
        Path::new(["spec", "template", "spec", "containers", "1", "resources", "limits", "memory"]),
        "3072Mi",
    )];
    let built = build(&object, &edits, Mark::Step("plan_a/s", 1)).unwrap();
    let mut served = built.after.clone();
    served["spec"]["template"]["spec"]["containers"][1]["resources"]["limits"]["memory"] = "3Gi".into();
    let undo = built.undo(&served, "plan_a/s/undo");
    assert!(applied(&built.after, &undo).is_err());
    assert_eq!(without_mark(&applied(&served, &undo).unwrap()), object);
}

#[test]
fn an_object_without_annotations_gets_them_and_one_that_got_some_meanwhile_counts_as_drifted() {
    let mut object = deployment();
    object["metadata"].as_object_mut().unwrap().remove("annotations");
    let edits = [Edit::set(Path::new(["spec", "replicas"]), 5)];
    let built = build(&object, &edits, Mark::Step("plan_a/s", 1)).unwrap();
    let undo = built.undo(&built.after, "plan_a/s/undo");
    assert_eq!(presence(&object, &built.patch, &undo, "plan_a/s"), Presence::Absent);
    object["metadata"]["annotations"] = json!({"note": "mine"});
    assert!(matches!(presence(&object, &built.patch, &undo, "plan_a/s"), Presence::Drifted(_)));
}

#[test]
fn the_first_annotation_of_an_object_and_the_mark_are_both_there_and_go_without_those_of_others() {
    let object = json!({"metadata": {"uid": "u", "name": "apps"}});
    let asked = Path::new(["metadata", "annotations", "example.com/asked"]);
    let built = build(&object, &[Edit::set(asked.clone(), "now")], Mark::Step("plan_a/s", 1)).unwrap();
    let mut after = applied(&object, &built.patch).unwrap();
    assert_eq!(after, built.after);
    assert_eq!((asked.read(&after), mark_of(&after)), (Some(&json!("now")), Some("plan_a/s")));
    let undo = built.undo(&after, "plan_a/s/undo");
    assert_eq!(presence(&after, &built.patch, &undo, "plan_a/s"), Presence::Present);
    after["metadata"]["annotations"]["others"] = json!("x");
    assert_eq!(undo_presence(&after, &built.patch, &undo, "plan_a/s/undo"), Presence::Absent);
    let back = applied(&after, &undo).unwrap();
    assert_eq!((asked.read(&back), mark_of(&back)), (None, Some("plan_a/s/undo")));
    assert_eq!(back["metadata"]["annotations"]["others"], "x");
}

#[test]
fn presence_tells_apart_not_yet_done_done_under_a_later_mark_and_changed_by_others() {
    let object = deployment();
    let built = build(&object, &p01(), Mark::Step("plan_a/rec-003", 1)).unwrap();
    let undo = built.undo(&built.after, "plan_a/rec-003/undo");
    let of = |object: &Value| presence(object, &built.patch, &undo, "plan_a/rec-003");
    assert_eq!(of(&object), Presence::Absent);
    assert_eq!(of(&built.after), Presence::Present);
    let mut later = built.after.clone();
    later["metadata"]["annotations"][STEP_ANNOTATION] = "plan_a/rec-009".into();
    assert_eq!(of(&later), Presence::Present);
    let mut stranger = object.clone();
    stranger["spec"]["template"]["spec"]["containers"][1]["resources"]["limits"]["memory"] = "4Gi".into();
    assert_eq!(
        of(&stranger),
        Presence::Drifted(vec![
            "/spec/template/spec/containers/1/resources/limits/memory was 2Gi when the change was prepared, but is 4Gi now".into()
        ])
    );
}

#[test]
fn an_undo_finds_out_whether_there_is_anything_to_undo() {
    let object = deployment();
    let built = build(&object, &p01(), Mark::Step("plan_a/rec-003", 1)).unwrap();
    let undo = built.undo(&built.after, "plan_a/rec-003/undo");
    let of = |object: &Value| undo_presence(object, &built.patch, &undo, "plan_a/rec-003/undo");
    assert_eq!(of(&object), Presence::Present, "never applied");
    assert_eq!(of(&built.after), Presence::Absent);
    assert_eq!(of(&applied(&built.after, &undo).unwrap()), Presence::Present, "undone already");
    let mut touched = built.after.clone();
    touched["spec"]["template"]["spec"]["containers"][1]["args"] = json!(["--other"]);
    assert!(matches!(of(&touched), Presence::Drifted(_)));
}

#[test]
fn what_is_already_so_is_no_change() {
    let edits = [Edit::set(Path::new(["spec", "replicas"]), 4)];
    assert_eq!(
        build(&deployment(), &edits, Mark::Step("m", 1)).unwrap_err(),
        PatchError::NothingToChange
    );
}

#[test]
fn a_value_beside_the_replicas_does_not_pin_them_and_is_looked_for_before_it_is_sent() {
    let object = json!({"metadata": {"uid": "u", "annotations": {}}, "spec": {"replicas": 4}});
    let edits = [Edit::set(Path::new(["spec", "paused"]), true)];
    let built = build(&object, &edits, Mark::Step("plan_a/s", 1)).unwrap();
    let undo = built.undo(&built.after, "plan_a/s/undo");
    let scaled = json!({"metadata": {"uid": "u", "annotations": {}}, "spec": {"replicas": 5}});
    assert_eq!(presence(&scaled, &built.patch, &undo, "plan_a/s"), Presence::Absent);
    let taken = json!({"metadata": {"uid": "u", "annotations": {}}, "spec": {"replicas": 4, "paused": false}});
    assert!(matches!(presence(&taken, &built.patch, &undo, "plan_a/s"), Presence::Drifted(_)));
}

#[test]
fn a_patch_without_a_mark_is_found_again_by_its_values() {
    let pod = |memory: &str| json!({"metadata": {"uid": "u"}, "spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": memory}}}]}});
    let path = Path::new(["spec", "containers", "0", "resources", "limits", "memory"]);
    let built = build(&pod("1Gi"), &[Edit::set(path, "2Gi")], Mark::None).unwrap();
    let undo = built.undo(&built.after, "plan_a/s/undo");
    assert_eq!(presence(&pod("1Gi"), &built.patch, &undo, "plan_a/s"), Presence::Absent);
    assert_eq!(presence(&pod("2Gi"), &built.patch, &undo, "plan_a/s"), Presence::Present);
    assert!(matches!(
        presence(&pod("3Gi"), &built.patch, &undo, "plan_a/s"),
        Presence::Drifted(_)
    ));
    assert_eq!(undo_presence(&pod("2Gi"), &built.patch, &undo, "plan_a/s/undo"), Presence::Absent);
    assert_eq!(undo_presence(&pod("1Gi"), &built.patch, &undo, "plan_a/s/undo"), Presence::Present);
}

#[test]
fn two_patches_of_one_object_by_one_step_are_told_apart_in_both_directions() {
    let object = json!({"metadata": {"uid": "u", "annotations": {}}, "spec": {"template": {}}});
    let place = |name: &str| Path::new(["spec", "template", name]);
    let one = build(&object, &[Edit::set(place("held"), true)], Mark::Step("plan_a/s", 1)).unwrap();
    let two = build(&one.after, &[Edit::remove(place("held"))], Mark::Step("plan_a/s", 2)).unwrap();
    let (undo_one, undo_two) = (one.undo(&one.after, "plan_a/s/undo"), two.undo(&two.after, "plan_a/s/undo"));
    let first = |object: &Value| presence(object, &one.patch, &undo_one, "plan_a/s");
    let second = |object: &Value| presence(object, &two.patch, &undo_two, "plan_a/s");
    assert_eq!(
        (first(&object), first(&one.after), first(&two.after)),
        (Presence::Absent, Presence::Present, Presence::Present)
    );
    assert_eq!((second(&one.after), second(&two.after)), (Presence::Absent, Presence::Present));
    let back = |object: &Value, undo: &Patch| applied(object, undo).unwrap();
    let half = back(&two.after, &undo_two);
    let whole = back(&half, &undo_one);
    let first = |object: &Value| undo_presence(object, &one.patch, &undo_one, "plan_a/s/undo");
    let second = |object: &Value| undo_presence(object, &two.patch, &undo_two, "plan_a/s/undo");
    assert_eq!(
        (second(&two.after), second(&half), second(&whole)),
        (Presence::Absent, Presence::Present, Presence::Present)
    );
    assert_eq!((first(&half), first(&whole)), (Presence::Absent, Presence::Present));
    assert_eq!(without_mark(&whole), without_mark(&object));
}

#[test]
fn a_patch_without_an_undo_is_not_taken_for_done_because_its_plan_was_here_before() {
    let object = json!({"metadata": {"uid": "u", "annotations": {STEP_ANNOTATION: "plan_a/earlier"}}, "spec": {"template": {}}});
    let built = build(
        &object,
        &[Edit::set(Path::new(["operation"]), json!({"sync": {}}))],
        Mark::Step("plan_a/s", 1),
    )
    .unwrap();
    let none = Patch(Vec::new());
    assert_eq!(presence(&object, &built.patch, &none, "plan_a/s"), Presence::Absent);
    assert_eq!(presence(&built.after, &built.patch, &none, "plan_a/s"), Presence::Present);
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,4}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c/d", "e~f"]).prop_map(Into::into)
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            4 => prop::collection::btree_map(key(), inner.clone(), 0..4).prop_map(|members| members.into_iter().collect()),
            1 => vec(inner, 0..3).prop_map(Value::Array),
        ]
    })
}

prop_compose! {
    fn object()(spec in prop::collection::btree_map(key(), tree(), 0..4), annotated in any::<bool>()) -> Value {
        let mut object = json!({"metadata": {"uid": "u", "name": "n"}, "spec": {"template": spec}});
        if annotated {
            object["metadata"]["annotations"] = json!({"x": "y"});
        }
        object
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    (vec(key(), 1..4), proptest::option::weighted(0.85, tree())).prop_map(|(keys, value)| Edit {
        path: Path::new(["spec", "template"]).join(keys),
        value,
    })
}

proptest! {
    #[test]
    fn apply_then_undo_restores_the_object_and_neither_works_twice_or_after_drift(object in object(), edits in vec(edit(), 1..5), drift_at in any::<prop::sample::Index>()) {
        let Ok(built) = build(&object, &edits, Mark::Step("plan_a/s", 1)) else { return Ok(()) };
        let after = applied(&object, &built.patch).expect("a patch applies to what it was built from");
        prop_assert_eq!(&after, &built.after);
        let undo = built.undo(&after, "plan_a/s/undo");
        let back = applied(&after, &undo).expect("an undo applies to what its patch left");
        prop_assert_eq!(without_mark(&back), without_mark(&object));
        prop_assert_eq!(presence(&object, &built.patch, &undo, "plan_a/s"), Presence::Absent);
        prop_assert_eq!(presence(&after, &built.patch, &undo, "plan_a/s"), Presence::Present);
        prop_assert_eq!(undo_presence(&after, &built.patch, &undo, "plan_a/s/undo"), Presence::Absent);
        prop_assert_eq!(undo_presence(&back, &built.patch, &undo, "plan_a/s/undo"), Presence::Present);
        prop_assert!(applied(&after, &built.patch).is_err(), "the old values are gone");
        // Somebody changes one of the pinned values.
        let root = &built.roots[drift_at.index(built.roots.len())];
        let mut drifted = object.clone();
        root.path.write(&mut drifted, Some("somebody else".into())).unwrap();
        prop_assert!(!drift(&drifted, &built.patch).is_empty());
        prop_assert!(applied(&drifted, &built.patch).is_err() || root.old.as_ref() == Some(&"somebody else".into()));
        let mut other = object.clone();
        other["metadata"]["uid"] = "another".into();
        prop_assert!(applied(&other, &built.patch).is_err());
    }
}
