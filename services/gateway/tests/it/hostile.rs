//! What nobody sane sends, from the webhook to the incident: it is stored or refused with a reason, everything stored is correlated, and none of
//! it costs more memory than a few times its size.

use std::{collections::BTreeSet, fs};

use paramedic_testkit::{eventually, hostile::TEXTS};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::harness::{Gateway, Parts, TOKEN, alert, bus, clock, webhook};

/// Most memory that all of it may take at once: the bodies here are four megabytes at most, one after the other, and each incident keeps
/// what it is told.
const MEMORY: u64 = 192 << 20;

/// An alert with these labels instead of the usual ones.
fn labelled(fingerprint: &str, labels: Map<String, Value>) -> Value {
    let mut alert = alert(fingerprint, "firing", 0);
    alert["labels"] = Value::Object(labels);
    alert["labels"]["alertname"] = json!("Down");
    // Somebody is paged, so that it is no background.
    alert["labels"]["severity"] = json!("critical");
    alert
}

fn label(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value.into())])
}

/// Resident memory of this process and the most there ever was, in bytes.
fn memory() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    };
    (field("VmRSS:"), field("VmHWM:"))
}

#[tokio::test]
async fn what_nobody_sane_sends_is_refused_with_a_reason_or_ends_in_an_incident() {
    let settings = format!(
        "[gateway]\nmax_body_bytes = 33554432\nmax_in_flight_bytes = 67108864\n[gateway.sources.alertmanager]\ntokens = ['{TOKEN}']"
    );
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let gateway = Gateway::start_with(&bus, &clock(), Parts::All, &settings, None).await;
    let (before, _) = memory();

    let many = |value: &str| (0..10_000).map(|n| (format!("l{n}"), json!(value))).collect::<Map<_, _>>();
    let mut noted = labelled("noted", label("namespace", "shop"));
    noted["annotations"] = json!({"log": "y".repeat(1 << 19), "wide": "\u{10ffff}".repeat(1 << 16)});
    let large = |n: usize| {
        labelled(
            &format!("large{n}"),
            label("namespace", format!("{n}{}", "\u{202e}名".repeat(30_000))),
        )
    };
    let hostile = |(n, text): (usize, &&str)| {
        labelled(
            &format!("hostile{n}"),
            Map::from_iter(["namespace", "deployment", text].map(|name| (name.to_owned(), json!(text)))),
        )
    };
    let accepted = [
        ("ten thousand labels", vec![labelled("many", many("v"))]),
        ("long annotations, which are cut", vec![noted]),
        ("alerts as large as can be", (0..20).map(large).collect()),
        ("hostile texts", TEXTS.iter().enumerate().map(hostile).collect()),
    ];
    let mut stored = BTreeSet::from(["sane".to_owned()]);
    for (name, alerts) in accepted {
        stored.extend(alerts.iter().map(|alert| alert["fingerprint"].as_str().unwrap().to_owned()));
        let answer = gateway.post(webhook(name, &alerts)).await;
        assert_eq!(
            (answer.status, answer.body["alerts"].as_u64()),
            (200, Some(alerts.len() as u64)),
            "{name}: {answer:?}"
        );
    }

    let refused = [
        (
            "ten thousand long labels",
            labelled("f", many(&"v".repeat(100))),
            "at most 262144 are accepted",
        ),
        (
            "a label of a megabyte",
            labelled("f", label("namespace", "x".repeat(1 << 20))),
            "at most 262144 are accepted",
        ),
        (
            "a name of a megabyte",
            labelled("f", label(&"\u{202e}".repeat(1 << 19), "x")),
            "at most 262144 are accepted",
        ),
        (
            "a fingerprint of a megabyte",
            labelled(&"f".repeat(1 << 20), label("namespace", "x")),
            "expected 1 to 64 letters",
        ),
    ];
    for (name, alert, says) in refused {
        let answer = gateway.post(webhook(name, &[alert])).await;
        assert_eq!(answer.status, 422, "{name}: {answer:?}");
        assert!(answer.error().contains(says) && answer.error().len() < 1_000, "{name}: {answer:?}");
    }
    let sane = webhook("sane", &[alert("sane", "firing", 0)]);
    for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"] {
        let at = sane.find("shop").unwrap();
        let body = [&sane.as_bytes()[..at], bad, &sane.as_bytes()[at..]].concat();
        let answer = gateway.send("POST", Some(TOKEN), Some("application/json"), body).await;
        assert_eq!(
            (answer.status, &answer.body["reason"]),
            (400, &json!("malformed")),
            "{bad:?}: {answer:?}"
        );
    }

    assert_eq!(gateway.post(sane).await.status, 200);
    eventually!(
        gateway
            .incidents()
            .await
            .iter()
            .any(|incident| incident.alerts.contains_key("sane"))
    );
    let incidents = gateway.incidents().await;
    let found: Vec<String> = incidents.iter().flat_map(|incident| incident.alerts.keys().cloned()).collect();
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), stored);
    assert_eq!(found.len(), stored.len(), "each in one incident");
    assert!(
        incidents
            .iter()
            .all(|incident| incident.misfits == 0 && incident.title.len() < 1_000)
    );
    let (_, most) = memory();
    assert!(most - before < MEMORY, "{} MiB more than before", (most - before) >> 20);
}
