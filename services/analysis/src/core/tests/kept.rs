//! The file of an investigation.

use serde_json::{Value, json};

use super::fixtures;
use crate::core::{
    kept::{MOST_EVENTS, seen},
    snapshot::{Snapshot, kinds},
};

#[test]
fn events_are_kept_newest_first_and_secrets_are_masked() {
    let mut facts = fixtures::leaking("production", "payment-service");
    let mut snapshot = Snapshot::new(facts.at, ["production".to_owned()].into());
    let event = |name: usize, at: &str| {
        json!({"metadata": {"name": format!("e{name:04}"), "namespace": "production"}, "lastTimestamp": at,
            "reason": "Unhealthy", "message": "probe failed: password=hunter22"})
    };
    let mut events: Vec<Value> = (0..MOST_EVENTS).map(|i| event(i, "2026-03-02T12:00:00Z")).collect();
    events.push(event(9_998, "2026-03-02T11:00:00Z"));
    events.push(event(9_999, "2026-03-02T13:00:00Z"));
    snapshot.file(kinds::named("Event").unwrap(), events);
    facts.world.snapshot = snapshot;
    let file: Value = serde_json::from_slice(&seen(&facts)).unwrap();
    assert_eq!(file["events"].as_array().unwrap().len(), MOST_EVENTS);
    assert_eq!(file["events_left_out"], 2);
    assert_eq!(file["events"][0]["metadata"]["name"], "e9999");
    assert!(!file.to_string().contains("hunter22") && !file.to_string().contains("e9998"));
    assert_eq!(file["evidence"].as_array().unwrap().len(), facts.evidence.len());
}
