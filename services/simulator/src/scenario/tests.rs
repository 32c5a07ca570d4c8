//! Scenario files: what is accepted and how refusals name the place.

use super::Scenario;

const MINIMAL: &str = r#"
name: tiny
description: one deployment
objects:
  - object:
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web, namespace: shop}
      spec: {template: {spec: {containers: [{name: app, image: "example/web:1"}]}}}
workloads:
  - namespace: shop
    name: web
    faults:
      - {name: leak, memory_leak: {rate_mib_per_hour: 50, base_mib: 100}}
rules:
  - {alert: Down, expr: "up == 0", for: 5m}
"#;

#[test]
fn every_built_in_scenario_loads() {
    for name in Scenario::builtin_names() {
        Scenario::builtin(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let error = Scenario::builtin("nope").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no built-in scenario \"nope\"; known are payment-oom, bad-release, cascading-failure, redis-storm, db-deadlock, slow-release, gateway-503"
    );
}

#[test]
fn a_minimal_scenario_gets_defaults() {
    let scenario = Scenario::parse("tiny.yaml", MINIMAL).unwrap();
    assert_eq!(scenario.scrape_interval.0.as_secs(), 15);
    assert_eq!(scenario.rules[0].hold.0.as_secs(), 300);
    assert!(
        scenario.image_exists("example/web:whatever"),
        "repositories without a list have every tag"
    );
}

#[test]
fn refusals_name_the_file_and_the_place() {
    for (from, to, expected) in [
        (
            "rate_mib_per_hour: 50",
            "rate_mib_per_hour: fast",
            "workloads[0].faults[0].memory_leak.rate_mib_per_hour: invalid type: string \"fast\"",
        ),
        (
            "rate_mib_per_hour: 50",
            "rate_mib_per_hour: 0",
            "workloads[0].faults[0].memory_leak.rate_mib_per_hour: must be greater than 0",
        ),
        (
            "base_mib: 100",
            "bas_mib: 100",
            "workloads[0].faults[0].memory_leak.bas_mib: unknown field `bas_mib`",
        ),
        (
            "memory_leak:",
            "memory_leek:",
            "workloads[0].faults[0].memory_leek: unknown field `memory_leek`",
        ),
        (
            "    name: web\n    faults",
            "    name: wob\n    faults",
            "workloads[0].name: shop/wob is no workload among the objects",
        ),
        ("up == 0", "up == (", "rules[0].expr: is not PromQL"),
        ("for: 5m", "for: 5 minutes", "rules[0].for: \"5 minutes\" is not a duration"),
        ("kind: Deployment", "kind: \"\"", "objects[0].object.kind: is missing"),
        ("name: tiny", "name: [tiny", "is not valid YAML"),
    ] {
        let text = MINIMAL.replacen(from, to, 1);
        assert_ne!(text, MINIMAL, "{from} is not in the text");
        let error = Scenario::parse("tiny.yaml", &text).unwrap_err().to_string();
        assert!(error.starts_with("scenario tiny.yaml"), "{error}");
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Scenario::load("/nonexistent/x.yaml").unwrap_err().to_string();
    assert!(error.starts_with("cannot read scenario /nonexistent/x.yaml"), "{error}");
}
