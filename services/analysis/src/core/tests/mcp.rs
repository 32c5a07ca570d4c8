//! What tool servers are asked.

use serde_json::{Map, Value, json};

use super::fixtures;
use crate::core::mcp::{Hints, MOST_TEXT, Placeholders, cut, permitted, unknown_placeholder};

fn arguments(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn names_of_the_incident_are_put_in_once_and_as_data() {
    let mut facts = fixtures::leaking("production", "payment-service");
    facts.alerts[0].labels.insert("alertname".into(), "A {workload} \" }".into());
    let filled = Placeholders::of(&facts).fill(&arguments(&json!({
        "q": ["{namespace}/{workload}", {"deep": "{alert}"}], "n": 5, "literal": "{} {Upper} {",
    })));
    assert_eq!(
        Value::Object(filled.unwrap()),
        json!({"q": ["production/payment-service", {"deep": "A {workload} \" }"}], "n": 5, "literal": "{} {Upper} {"})
    );
}

#[test]
fn a_question_whose_words_are_not_known_is_not_asked() {
    let mut facts = fixtures::leaking("production", "payment-service");
    facts.workload = None;
    let known = Placeholders::of(&facts);
    assert_eq!(known.fill(&arguments(&json!({"service": "{workload}"}))), None);
    assert!(known.fill(&arguments(&json!({"until": "{to}"}))).is_some());
    assert_eq!(
        unknown_placeholder(&arguments(&json!({"a": [{"b": "x {pods}"}]}))).as_deref(),
        Some("{pods}")
    );
}

#[test]
fn only_what_its_server_calls_reading_is_called() {
    let says = |read_only| permitted(Some(Hints { read_only })).is_ok();
    assert_eq!(
        [says(Some(true)), says(Some(false)), says(None), permitted(None).is_ok()],
        [true, false, false, false]
    );
}

#[test]
fn long_answers_are_cut_between_characters() {
    let text = "é".repeat(MOST_TEXT + 1);
    let kept = cut(&text);
    assert!(
        kept.starts_with(&"é".repeat(MOST_TEXT)) && kept.contains("[cut after 4000 characters]"),
        "{kept}"
    );
    assert_eq!(cut("short"), "short");
}
