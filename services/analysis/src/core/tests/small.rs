//! Numbers, log shapes, redaction, reading.

use serde_json::json;

use crate::core::{
    logs::{Line, cluster},
    quantity::{memory, parse},
    read,
    redact::redact,
    stats::{fit, longest_run},
};

#[test]
fn quantities_are_read_and_written_as_kubernetes_does() {
    let table = [
        ("2Gi", 2_147_483_648.0),
        ("512Mi", 536_870_912.0),
        ("1500m", 1.5),
        ("3G", 3e9),
        ("128974848", 128_974_848.0),
        ("1e3", 1000.0),
        ("2E", 2e18),
    ];
    for (text, value) in table {
        assert_eq!(parse(text), Some(value), "{text}");
    }
    for bad in ["", "Gi", "2GB", "x", "1e999"] {
        assert_eq!(parse(bad), None, "{bad}");
    }
    assert_eq!(
        [memory(3.0 * 1_073_741_824.0), memory(402_653_184.0), memory(1000.0)],
        ["3Gi", "384Mi", "1000"]
    );
}

#[test]
fn a_trend_is_read_from_the_longest_stretch_without_a_restart() {
    let mut points: Vec<(f64, f64)> = (0..60).map(|i| (f64::from(i) * 600.0, 100.0 + f64::from(i))).collect();
    points.extend((60..66).map(|i| (f64::from(i) * 600.0, 10.0)));
    let run = longest_run(&points);
    assert_eq!(run.len(), 60);
    let line = fit(run).unwrap();
    assert!((line.slope - 6.0).abs() < 1e-9 && line.r2 > 0.999, "{line:?}");
    assert!(longest_run(&[]).is_empty());
    assert_eq!(fit(&[(0.0, 1.0), (0.0, 2.0), (0.0, 3.0)]), None);
}

#[test]
fn lines_that_differ_in_numbers_are_one_pattern_and_a_growing_holding_is_seen() {
    let mut lines = Vec::new();
    for i in 0..40_i32 {
        let at = f64::from(i) * 30.0;
        // one pod restarts half way: its number begins anew
        let restarted = if i < 20 { 18_000 + i * 5 } else { 64 + i };
        for (pod, pool) in [("a", 17_000 + i * 5), ("b", restarted)] {
            lines.push(Line {
                pod: pod.into(),
                at,
                text: format!("level=info msg=\"coroutine pool size {pool}\" heap_mib={}", 500 - i),
            });
            lines.push(Line {
                pod: pod.into(),
                at,
                text: format!(
                    "level=info msg=\"payment authorised\" payment_id=pay_{i}f duration_ms={}",
                    (i * 37) % 140
                ),
            });
        }
    }
    lines.push(Line {
        pod: "a".into(),
        at: 1e4,
        text: "level=fatal msg=\"bad configuration\"".into(),
    });
    let clusters = cluster(&lines);
    assert_eq!(clusters.len(), 3);
    assert!(clusters[0].alarming);
    assert_eq!(clusters[1].growing.map(|(from, to)| from < to), Some(true), "{clusters:?}");
    assert_eq!((clusters[1].count, clusters[2].growing), (80, None));
}

#[test]
fn secrets_do_not_become_evidence() {
    let table = [
        ("level=info password=hunter2 user=ann", "level=info password=[redacted] user=ann"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        (
            "dial postgres://app:s3cret@db:5432/x failed",
            "dial postgres://app:[redacted]@db:5432/x failed",
        ),
        ("got eyJhbGciOi.J9.abc ok", "got [redacted] ok"),
        ("{\"api_key\":\"k\"} tail", "{\"api_key\":[redacted] tail"),
        ("coroutine pool size 18231", "coroutine pool size 18231"),
    ];
    for (text, expected) in table {
        assert_eq!(redact(text), expected);
    }
    assert!(!redact("-----BEGIN RSA PRIVATE KEY-----\nabc").contains("abc"));
}

#[test]
fn a_deployment_is_read_with_the_container_that_the_alert_names() {
    let object = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "spec": {"replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": "25%"}},
        "template": {"spec": {"volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "cfg", "configMap": {}}], "containers": [
            {"name": "proxy", "resources": {"limits": {"memory": "64Mi"}}},
            {"name": "web", "args": ["--x"], "resources": {"limits": {"memory": "1Gi"}}, "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "cfg", "mountPath": "/etc/web"}]}]}}},
        "status": {"readyReplicas": 3}});
    let id: paramedic_domain::id::EvidenceId = "ev-01".parse().unwrap();
    let own = read::workload(&object, "Deployment", "", id.clone()).unwrap();
    assert_eq!(
        (own.container.as_str(), own.limit, own.surge, own.ready),
        ("web", Some(1_073_741_824.0), 1, 3)
    );
    assert_eq!(own.scratch, ["/tmp"]);
    assert_eq!(read::workload(&object, "Deployment", "proxy", id).unwrap().container, "proxy");
}
