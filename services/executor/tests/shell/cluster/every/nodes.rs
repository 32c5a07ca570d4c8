//! Nodes.

use paramedic_simulator::store::Gvr;
use serde_json::{Value, json};

use super::case::Case;
use crate::stage::Stage;

fn change(stage: &Stage, edit: impl Fn(&mut Value)) {
    stage
        .store
        .update(&Gvr::new("", "v1", "nodes"), None, "worker-3", &mut |node| {
            edit(node);
            Ok(())
        })
        .unwrap();
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::of("cordon", json!({"node": "worker-3"})).seen(|seen| assert_eq!(seen.between[0]["spec"]["unschedulable"], true)),
        Case::of("taint", json!({"node": "worker-3", "key": "maintenance", "effect": "NoSchedule"}))
            .seen(|seen| assert_eq!(seen.between[0]["spec"]["taints"][0]["key"], "maintenance")),
        Case::of("untaint", json!({"node": "worker-3", "key": "stale"}))
            .before(|stage| {
                change(stage, |node| {
                    node["spec"]["taints"] = json!([{"key": "stale", "effect": "NoSchedule"}])
                })
            })
            .seen(|seen| {
                let taints = |node: &Value| node["spec"]["taints"].as_array().map_or(0, Vec::len);
                assert_eq!((taints(&seen.before[0]), taints(&seen.between[0])), (1, 0), "{:?}", seen.between);
            }),
        Case::of("drain", json!({"node": "worker-3", "deleteEmptyDirData": true}))
            .before(|stage| change(stage, |node| drop(node["spec"].as_object_mut().unwrap().remove("taints"))))
            .seen(|seen| {
                let [node, pods @ ..] = &seen.between[..] else {
                    panic!("{:?}", seen.between)
                };
                assert_eq!(node["spec"]["unschedulable"], true);
                assert!(
                    !pods.is_empty()
                        && pods
                            .iter()
                            .zip(&seen.before[1..])
                            .all(|(now, then)| now["metadata"]["uid"] != then["metadata"]["uid"])
                );
            }),
        Case::of("uncordon", json!({"node": "worker-3"}))
            .before(|stage| change(stage, |node| node["spec"]["unschedulable"] = json!(true)))
            .seen(|seen| assert_ne!(seen.between[0]["spec"]["unschedulable"], true)),
    ]
}
