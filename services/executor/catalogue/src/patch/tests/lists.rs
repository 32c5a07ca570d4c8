//! Lists change item by item, and what stays is in no patch.

use json_patch::Patch;
use serde_json::{Value, json};

use super::{applied, without_mark};
use crate::patch::*;

fn with_env(env: Value) -> Value {
    json!({"metadata": {"uid": "u", "annotations": {}}, "spec": {"template": {"spec": {"containers": [
        {"name": "pay", "image": "p:1", "env": env}]}}}})
}

fn env() -> Path {
    Path::new(["spec", "template", "spec", "containers", "0", "env"])
}

fn variable(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

/// Every patch and undo works both ways, and none of them holds the password.
fn there_and_back(object: &Value, wanted: Value) -> (Built, Patch) {
    let built = build(object, &[Edit::set(env(), wanted)], Mark::Step("plan_a/s", 1)).unwrap();
    let after = applied(object, &built.patch).unwrap();
    assert_eq!(after, built.after);
    let undo = built.undo(&after, "plan_a/s/undo");
    assert_eq!(without_mark(&applied(&after, &undo).unwrap()), without_mark(object));
    assert_eq!(presence(object, &built.patch, &undo, "plan_a/s"), Presence::Absent);
    assert_eq!(presence(&after, &built.patch, &undo, "plan_a/s"), Presence::Present);
    assert_eq!(undo_presence(&after, &built.patch, &undo, "plan_a/s/undo"), Presence::Absent);
    let written = format!("{} {} {:?}", json!(built.patch), json!(undo), built.diff);
    assert!(!written.contains("hunter2"), "{written}");
    (built, undo)
}

#[test]
fn variables_change_one_by_one_and_no_other_value_is_in_the_patch() {
    let (level, password, port) = (
        variable("LEVEL", "info"),
        variable("DB_PASSWORD", "hunter2"),
        variable("PORT", "80"),
    );
    let object = with_env(json!([level, password, port]));
    there_and_back(&object, json!([variable("LEVEL", "debug"), password, port]));
    there_and_back(&object, json!([password, port]));
    there_and_back(&object, json!([password]));
    there_and_back(&object, json!([level, password]));
    there_and_back(&object, json!([level, password, port, variable("NEW", "1")]));
    let (built, _) = there_and_back(
        &object,
        json!([password, variable("PORT", "81"), variable("NEW", "1"), variable("NEWER", "2")]),
    );
    // Somebody put another variable in front: no place is what it was, and nobody's value is told.
    let moved = with_env(json!([password, level, password, port]));
    let differences = drift(&moved, &built.patch);
    assert!(
        !differences.is_empty() && !differences.join(" ").contains("hunter2"),
        "{differences:?}"
    );
    assert!(applied(&moved, &built.patch).is_err());
}

#[test]
fn the_first_variables_and_arguments_pin_nothing_else_of_their_container() {
    let container = json!({"name": "pay", "command": ["pay", "--key=hunter2hunter2"]});
    let object = json!({"metadata": {"uid": "u", "annotations": {}}, "spec": {"template": {"spec": {"containers": [container]}}}});
    there_and_back(&object, json!([variable("LEVEL", "debug")]));
    let args = env().parent().unwrap().join(["args"]);
    let mut with_args = with_env(json!([variable("DB_PASSWORD", "hunter2")]));
    let built = build(
        &with_args,
        &[Edit::set(args.clone(), json!(["--debug"]))],
        Mark::Step("plan_a/s", 1),
    )
    .unwrap();
    assert!(!json!(built.patch).to_string().contains("hunter2"));
    args.write(&mut with_args, Some(json!(["--password=hunter2"]))).unwrap();
    let more = json!(["--password=hunter2", "--debug"]);
    let built = build(&with_args, &[Edit::set(args, more)], Mark::Step("plan_a/s", 1)).unwrap();
    let undo = built.undo(&built.after, "plan_a/s/undo");
    assert!(!format!("{} {} {:?}", json!(built.patch), json!(undo), built.diff).contains("hunter2"));
}

#[test]
fn a_change_of_a_literal_secret_is_refused() {
    let object = with_env(json!([
        variable("DB_PASSWORD", "hunter2"),
        variable("DB_URL", "postgres://pay:hunter2@db/pay")
    ]));
    for wanted in [
        json!([
            variable("DB_PASSWORD", "hunter3"),
            variable("DB_URL", "postgres://pay:hunter2@db/pay")
        ]),
        json!([variable("DB_PASSWORD", "hunter2")]),
        json!([variable("DB_URL", "postgres://pay:hunter2@db/pay")]),
    ] {
        let refused = build(&object, &[Edit::set(env(), wanted)], Mark::Step("plan_a/s", 1)).unwrap_err();
        assert!(
            matches!(&refused, PatchError::Secret(place) if place.contains("/env/")),
            "{refused}"
        );
        assert!(!refused.to_string().contains("hunter"), "{refused}");
    }
}

#[test]
fn an_old_template_comes_back_without_what_stays() {
    let object = with_env(json!([variable("DB_PASSWORD", "hunter2")]));
    let mut template = object["spec"]["template"].clone();
    template["spec"]["containers"][0]["image"] = json!("p:0");
    let edit = Edit::set(Path::new(["spec", "template"]), template);
    let built = build(&object, &[edit], Mark::Step("plan_a/s", 1)).unwrap();
    let undo = built.undo(&built.after, "plan_a/s/undo");
    assert_eq!(applied(&object, &built.patch).unwrap(), built.after);
    assert!(!format!("{} {}", json!(built.patch), json!(undo)).contains("hunter2"));
    assert!(json!(built.patch).to_string().contains("/spec/template/spec/containers/0/image"));
}

#[test]
fn taints_come_and_go_beside_those_of_the_node_controller() {
    let node = |taints: Value| json!({"metadata": {"uid": "u", "annotations": {}}, "spec": {"taints": taints}});
    let own = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    let ours = json!({"key": "example.com/broken", "effect": "NoSchedule"});
    let path = Path::new(["spec", "taints"]);
    for before in [json!([]), json!([own])] {
        let object = node(before.clone());
        let wanted: Vec<Value> = [ours.clone()].into_iter().chain(before.as_array().unwrap().clone()).collect();
        let built = build(&object, &[Edit::set(path.clone(), wanted)], Mark::Step("plan_a/s", 1)).unwrap();
        let undo = built.undo(&built.after, "plan_a/s/undo");
        // The controller's taint comes or goes in between.
        for meanwhile in [json!([]), json!([own])] {
            let there = node(meanwhile);
            assert_eq!(presence(&there, &built.patch, &undo, "plan_a/s"), Presence::Absent);
            let mut after = applied(&there, &built.patch).unwrap();
            assert_eq!(after["spec"]["taints"][0], ours);
            after["spec"]["taints"]
                .as_array_mut()
                .unwrap()
                .push(json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}));
            assert_eq!(undo_presence(&after, &built.patch, &undo, "plan_a/s/undo"), Presence::Absent);
            let back = applied(&after, &undo).unwrap();
            assert!(!back["spec"]["taints"].as_array().unwrap().contains(&ours));
        }
    }
    // The first taint of a node goes although others have come.
    let bare = json!({"metadata": {"uid": "u", "annotations": {}}, "spec": {"podCIDR": "10.0.0.0/24"}});
    let built = build(&bare, &[Edit::set(path, json!([ours]))], Mark::Step("plan_a/s", 1)).unwrap();
    let undo = built.undo(&built.after, "plan_a/s/undo");
    let mut after = applied(&bare, &built.patch).unwrap();
    after["spec"]["taints"].as_array_mut().unwrap().push(own.clone());
    assert_eq!(applied(&after, &undo).unwrap()["spec"]["taints"], json!([own]));
}
