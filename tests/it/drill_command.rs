//! The drill as a user runs it.

use std::process::Command;

use paramedic_tests::paramedic;
use serde_json::Value;

fn drill(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(paramedic()).arg("drill").args(arguments).output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn an_unattended_drill_passes_and_reports_one_json_object() {
    let (code, out, err) = drill(&["payment-oom", "--approve", "auto", "--speed", "60", "--json"]);
    assert_eq!(code, Some(0), "{out}\n{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["verdict"], "PASSED");
    assert_eq!(report["diagnosis"]["category"], "memory_leak");
    let confidence = report["diagnosis"]["confidence"].as_f64().unwrap();
    assert!((0.6..0.9).contains(&confidence), "{confidence}");
    assert_eq!(report["steps"].as_array().unwrap().len(), 7);
    assert!(
        report["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["status"] == "succeeded" && step["started"].is_string() && step["finished"].is_string())
    );
    for phase in ["detect", "analyse", "plan", "approve", "execute", "verify"] {
        assert!(report["phases"][phase].is_number(), "{phase}: {}", report["phases"]);
    }
    assert_eq!(report["mutations"].as_array().unwrap().len(), 2);
    let channels: Vec<_> = report["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["channel"].as_str().unwrap())
        .collect();
    assert!(channels.contains(&"email") && channels.contains(&"slack"), "{channels:?}");
}

#[test]
fn the_story_on_the_terminal_is_readable() {
    let (code, out, err) = drill(&["payment-oom", "--approve", "auto", "--speed", "120"]);
    assert_eq!(code, Some(0), "{out}\n{err}");
    for part in [
        "incident opened",
        "memory_leak",
        "approval",
        "3Gi",
        "verification PASSED",
        "resolved",
    ] {
        assert!(out.contains(part), "{part:?} is missing:\n{out}");
    }
}

#[test]
fn an_unknown_scenario_is_refused_with_what_there_is() {
    let (code, _, err) = drill(&["nonsense"]);
    assert_ne!(code, Some(0));
    assert!(err.contains("nonsense") && err.contains("payment-oom"), "{err}");
}
