use proptest::prelude::*;
use serde_json::{Value, json};

use super::replace;

const MAP: &str = "# pools of the fraud service\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fraud-detection-config   # keep\ndata:\n  \
                   LOG_LEVEL: info\n  DATABASE_POOL_SIZE: \"100\"  # per replica\n  app.properties: 'a=1'\n";

fn change(text: &str, patch: &Value) -> Result<String, String> {
    let patch: Vec<(String, Value)> = patch.as_object().unwrap().clone().into_iter().collect();
    replace(text, patch.iter().map(|(path, value)| (path, value))).map_err(|unfit| unfit.0)
}

#[test]
fn a_key_of_a_config_map_changes_and_comments_order_and_quotes_stay() {
    let changed = change(
        MAP,
        &json!({"DATABASE_POOL_SIZE": "200", "app.properties": "it's", "LOG_LEVEL": "debug"}),
    )
    .unwrap();
    let expected = MAP
        .replace("\"100\"", "\"200\"")
        .replace("'a=1'", "'it''s'")
        .replace("LOG_LEVEL: info", "LOG_LEVEL: debug");
    assert_eq!(changed, expected);
}

#[test]
fn paths_lead_through_lists_and_names_and_pointers() {
    let text = "kind: Deployment\nspec:\n  replicas: 5 # for now\n  template:\n    spec:\n      containers:\n        - name: proxy\n          image: \
                envoy:1\n        - {name: app, image: app:1}\n";
    for (path, value, from, to) in [
        ("spec.replicas", json!(8), "replicas: 5", "replicas: 8"),
        ("spec.replicas", json!("8"), "replicas: 5", "replicas: 8"),
        ("/spec/template/spec/containers/0/image", json!("envoy:2"), "envoy:1", "envoy:2"),
        ("spec.template.spec.containers[name=app].image", json!("app:2"), "app:1", "app:2"),
        ("spec.template.spec.containers[1].image", json!("app:2"), "app:1", "app:2"),
    ] {
        assert_eq!(change(text, &json!({path: value})).unwrap(), text.replace(from, to), "{path}");
    }
}

#[test]
fn a_value_keeps_its_type() {
    let text = "kind: ConfigMap\ndata:\n  SIZE: \"100\"\n  NAME: plain\n  COUNT: 5\n  ON: true\n";
    assert_eq!(change(text, &json!({"SIZE": 200})).unwrap(), text.replace("\"100\"", "\"200\""));
    // A text that would read as a number is quoted.
    assert_eq!(change(text, &json!({"NAME": "200"})).unwrap(), text.replace("plain", "\"200\""));
    assert_eq!(change(text, &json!({"NAME": "yes"})).unwrap(), text.replace("plain", "\"yes\""));
    assert!(change(text, &json!({"COUNT": "many"})).unwrap_err().contains("a number"));
    assert!(change(text, &json!({"ON": "7"})).unwrap_err().contains("true or false"));
}

#[test]
fn what_cannot_be_done_exactly_is_refused() {
    let anchors = "base: &size 5\nother: *size\n";
    let block = "data:\n  text: |\n    a\n    b\n";
    let two = "a: 1\n---\na: 2\n";
    for (text, path, value, expected) in [
        (MAP, "MISSING", json!("1"), "not in the file"),
        (MAP, "metadata", json!("1"), "not a single value"),
        (MAP, "DATABASE_POOL_SIZE", json!(["1"]), "only a text"),
        (MAP, "DATABASE_POOL_SIZE", json!("1\n2"), "several lines"),
        (anchors, "base", json!(6), "anchor"),
        (anchors, "other", json!(6), "not a single value"),
        (block, "data.text", json!("c"), "several lines"),
        (two, "a", json!(3), "2 documents"),
        ("a: 1\na: 2\n", "a", json!(3), "not"),
        ("a: !!int \"1\"\n", "a", json!(3), "tag"),
        ("a:\n", "a", json!("b"), "cannot be changed"),
        ("a: [1, 2\n", "a", json!(3), "not YAML"),
        ("a: first\n  second\n", "a", json!("b"), "several lines"),
    ] {
        let refused = change(text, &json!({path: value})).unwrap_err();
        assert!(refused.contains(expected), "{text:?} {path}: {refused}");
    }
}

proptest! {
    #[test]
    fn any_text_arrives_as_it_is_and_nothing_else_changes(
        value in "[ -~\\u{e4}\\u{4e2d}]{1,30}",
        style in prop::sample::select(vec!["old", "'old'", "\"old\""]),
    ) {
        let text = format!("# \u{e9}t\u{e9}\nkind: ConfigMap\ndata:\n  A: x # one\n  B: {style} # two\n  C: y\n");
        let changed = change(&text, &json!({"B": value})).unwrap();
        let read: Value = serde_yaml_ng::from_str(&changed).unwrap();
        prop_assert_eq!(read.pointer("/data/B"), Some(&json!(value)));
        prop_assert!(changed.starts_with(text.split("  B:").next().unwrap()) && changed.ends_with(" # two\n  C: y\n"), "{}", changed);
    }
}
