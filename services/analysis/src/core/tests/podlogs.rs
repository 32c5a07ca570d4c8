//! Which logs are read from the API server, and what becomes of their lines.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::core::{
    logs::Line,
    podlogs::{lines, troubled, wanted},
    snapshot::{Snapshot, kinds::named, reference},
};

fn pod(namespace: &str, app: &str, number: u32, status: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{app}-{number}"), "namespace": namespace, "labels": {"app": app}},
        "status": {"containerStatuses": [status]},
    })
}

fn crashed() -> Value {
    json!({"name": "main", "ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}})
}

fn unready() -> Value {
    json!({"name": "main", "ready": false, "restartCount": 0, "state": {"running": {}}})
}

fn well() -> Value {
    json!({"name": "main", "ready": true, "restartCount": 0, "state": {"running": {}}})
}

fn deployment(namespace: &str, app: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": app, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": app}}},
    })
}

fn snapshot(pods: Vec<Value>) -> Snapshot {
    let scope = BTreeSet::from(["shop".to_owned()]);
    let mut snapshot = Snapshot::new("2026-03-02T12:00:00Z".parse().unwrap(), scope);
    let apps = [("shop", "web"), ("shop", "cart"), ("elsewhere", "web")];
    snapshot.file(
        named("Deployment").unwrap(),
        apps.iter().map(|(namespace, app)| deployment(namespace, app)).collect(),
    );
    snapshot.file(named("Pod").unwrap(), pods);
    snapshot
}

#[test]
fn crashes_come_first_and_every_workload_has_its_turn() {
    let mut pods: Vec<Value> = (0..8).map(|number| pod("shop", "web", number, crashed())).collect();
    pods.push(pod("shop", "cart", 0, unready()));
    pods.push(pod("shop", "cart", 1, well()));
    pods.push(pod("elsewhere", "web", 0, crashed()));
    let snapshot = snapshot(pods);
    let asked = wanted(&snapshot, &snapshot.scope, &BTreeSet::new());
    let names: Vec<&str> = asked.iter().map(|asked| asked.pod.as_str()).collect();
    assert_eq!(names, ["web-0", "cart-0", "web-1", "web-2", "web-3", "web-4"]);
    let of_web = &asked[0].paths;
    assert_eq!(of_web.len(), 2, "{of_web:?}");
    assert!(of_web[0].starts_with("/api/v1/namespaces/shop/pods/web-0/log?container=main&") && of_web[0].ends_with("&previous=true"));
    assert!(
        asked[1].paths.iter().all(|path| !path.contains("previous")),
        "what never ended has no log before"
    );
}

#[test]
fn what_the_log_store_told_is_not_asked_again() {
    let snapshot = snapshot(vec![pod("shop", "web", 0, crashed()), pod("shop", "cart", 0, unready())]);
    let web = reference("Deployment", snapshot.named("Deployment", "shop", "web").unwrap());
    let asked = wanted(&snapshot, &snapshot.scope, &BTreeSet::from([&web]));
    let names: Vec<&str> = asked.iter().map(|asked| asked.pod.as_str()).collect();
    assert_eq!(names, ["cart-0"]);
}

#[test]
fn lines_are_of_the_time_that_is_looked_at_without_secrets_and_only_trouble_is_told() {
    let log = "2026-03-02T10:00:00Z fatal: of long ago\n\
               2026-03-02T11:59:00.123456789Z listening on 8080\n\
               cut line\n\
               2026-03-02T11:59:01Z fatal: password=hunter2 was refused\n";
    let all = lines("web-0", log, "2026-03-02T11:00:00Z".parse().unwrap());
    assert_eq!(all.len(), 2, "{all:?}");
    let told = troubled(&all);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].text.contains("was refused") && !told[0].text.contains("hunter2"),
        "{told:?}"
    );
}

#[test]
fn a_status_code_is_trouble_where_it_is_a_token_of_its_own() {
    let table = [
        ("429 from the gateway", true),
        ("upstream answered 429, waiting", true),
        ("rate limiter said (429)", true),
        (r#"{"msg":"backing off","status":429}"#, true),
        ("got HTTP 503 from payments", true),
        ("method=GET path=/cart status=500 took=3ms", true),
        (r#""GET /cart HTTP/1.1" 502 120"#, true),
        (r#"{"statusCode": 504, "path": "/cart"}"#, true),
        ("grpc gateway: code: 500", true),
        ("CONNECTION REFUSED", true),
        ("order shipped id=a429bc", false),
        ("trace 4290 of 9429 kept", false),
        ("2026-03-02T10:00:00.429Z ready", false),
        ("took 429ms", false),
        ("queue has 503 entries", false),
        ("sent 500 bytes to 10.0.5.0:503", false),
        ("status=5001 rows", false),
        ("zipcode=50012", false),
        ("status=200 code=201", false),
    ];
    for (text, expected) in table {
        let line = Line {
            pod: "web-0".into(),
            at: 0.0,
            text: text.into(),
        };
        assert_eq!(!troubled(&[line]).is_empty(), expected, "{text}");
    }
}
