//! What providers are asked, and what is taken of their answers.

mod aws;
mod disks;
mod gcp;

use serde_json::{Value, json};

use super::fixtures::at;
use crate::core::{
    clouds::{Answer, Place, Sought, sought},
    facts::Facts,
    snapshot::{Snapshot, kinds, reference},
};

/// A node whose machine is there.
fn node(name: &str, provider_id: &str, ready: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"providerID": provider_id},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    })
}

fn seeking(provider_id: &str) -> Sought {
    Sought {
        object: reference("Node", &node("n1", provider_id, "Unknown")),
        place: Place::of_machine(provider_id).unwrap(),
    }
}

fn printed(text: &str) -> Answer {
    Answer::Json(serde_json::from_str(text).unwrap())
}

#[test]
fn only_nodes_that_are_not_ready_are_asked_about_and_of_many_those_that_alerts_name() {
    let mut facts = Facts::new(at(), Vec::new());
    let mut snapshot = Snapshot::new(at(), Default::default());
    let kind = kinds::named("Node").unwrap();
    let id = |n: usize| format!("aws:///eu-central-1a/i-0000000000000000{n}");
    let lost = (0..6).map(|n| node(&format!("n{n}"), &id(n), "Unknown"));
    let others = [
        node("well", &id(7), "True"),
        node("elsewhere", "kind://docker/shop/n9", "False"),
        node("sly", "aws:///eu-central-1a/i-00000000000000001 --profile x", "False"),
    ];
    snapshot.file(kind, lost.chain(others).collect());
    facts.world.snapshot = snapshot;
    let names = |facts: &Facts| -> Vec<String> { sought(facts).into_iter().map(|sought| sought.object.name).collect() };
    assert_eq!(names(&facts), ["n0", "n1", "n2"]);
    let mut about = super::fixtures::alert("KubeNodeNotReady", "");
    about.labels.insert("node".into(), "n5".into());
    facts.alerts = vec![about];
    assert_eq!(names(&facts), ["n5", "n0", "n1"]);
}
