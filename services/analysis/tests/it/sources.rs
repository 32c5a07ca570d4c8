//! Sources that hang, fail or talk nonsense: the diagnosis comes all the same, names them, and is less certain.

use std::time::Duration;

use paramedic_analysis::{
    Config,
    core::decide::Conclusion,
    shell::{investigate::investigate, probes::Probes},
};
use paramedic_domain::diagnosis::Diagnosis;
use paramedic_runtime::ClusterAccess;
use paramedic_simulator::Simulator;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::world::{access, alert, clock, config, crash_looping, rules, simulate};

/// A server that takes every request and says `answer`, or nothing at all.
#[allow(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
async fn source(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(answer) = answer else {
                kept.push(stream);
                continue;
            };
            let mut request = [0; 65_536];
            let read = stream.read(&mut request).await;
            if !matches!(read, Ok(1..)) {
                continue;
            }
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    url
}

const FAILS: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\nconnection: close\r\n\r\noops";
const LIES: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>";

fn hasty() -> Config {
    Config {
        probe_timeout_seconds: 1,
        budget_seconds: 12,
        ..config()
    }
}

async fn diagnosis(simulator: &Simulator, pod: &str, telemetry: Option<&str>) -> Diagnosis {
    let mut access = access(simulator).await;
    let mut settings = config();
    if let Some(url) = telemetry {
        access.prometheus = Some(url.to_owned());
        access.loki = Some(url.to_owned());
        access.jaeger = Some(url.to_owned());
        access.tempo = Some(url.to_owned());
        access.alertmanager = Some(url.to_owned());
        settings = hasty();
    }
    let probes = Probes::new(&access, clock(simulator), settings, rules());
    let labels = [
        ("alertname", "KubePodCrashLooping"),
        ("namespace", "shop"),
        ("pod", pod),
        ("container", "cart-api"),
    ];
    // The budget, and what the engines themselves need on a busy machine.
    let patience = Duration::from_secs(hasty().budget_seconds) + paramedic_testkit::DEADLINE;
    let alerts = vec![alert(simulator, &labels, "")];
    let conclusion = tokio::time::timeout(patience, investigate(&probes, alerts, &mut |_, _| {})).await;
    match conclusion.expect("no source holds an investigation up beyond its budget").unwrap() {
        Conclusion::Found(found) => *found,
        Conclusion::Inconclusive { reasons, .. } => panic!("{reasons:#?}"),
    }
}

/// A Prometheus and Loki that answer everything with three mebibytes.
async fn flood() -> String {
    let padding = " ".repeat(3 << 20);
    let body = format!("{{\"status\":\"success\",{padding}\"data\":{{\"resultType\":\"vector\",\"result\":[]}}}}");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // It ends with the process, like every test's own server.
    source(Some(Box::leak(format!("{head}{body}").into_boxed_str()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_sends_beyond_the_budget_is_left_out_and_named() {
    let simulator = simulate("bad-release").await;
    let pod = crash_looping(&simulator, "shop").await;
    let mut flooded = access(&simulator).await;
    let url = flood().await;
    flooded.prometheus = Some(url.clone());
    flooded.loki = Some(url);
    let found = async |mebibytes: u64, access: &ClusterAccess| {
        let settings = Config {
            budget_mebibytes: mebibytes,
            ..config()
        };
        let probes = Probes::new(access, clock(&simulator), settings, rules());
        let labels = [("alertname", "KubePodCrashLooping"), ("namespace", "shop"), ("pod", &pod)];
        match investigate(&probes, vec![alert(&simulator, &labels, "")], &mut |_, _| {})
            .await
            .unwrap()
        {
            Conclusion::Found(found) => *found,
            Conclusion::Inconclusive { reasons, .. } => panic!("{reasons:#?}"),
        }
    };
    let whole = found(1_024, &access(&simulator).await).await;
    assert!(whole.missing_sources.is_empty(), "{:?}", whole.missing_sources);
    let cut = found(2, &flooded).await;
    assert_eq!((cut.category, &cut.target), (whole.category, &whole.target));
    assert!(cut.confidence < whole.confidence, "{} and {}", cut.confidence, whole.confidence);
    for name in ["prometheus", "loki"] {
        let named = cut.missing_sources.iter().any(|missing| {
            missing.starts_with(name) && missing.ends_with("left out: this investigation has read its 2 MiB (analysis.budget_mebibytes)")
        });
        assert!(named, "{name} is not among {:#?}", cut.missing_sources);
    }
    simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_hang_fail_or_lie_are_named_and_leave_the_cause() {
    let simulator = simulate("bad-release").await;
    let pod = crash_looping(&simulator, "shop").await;
    let whole = diagnosis(&simulator, &pod, None).await;
    assert!(whole.missing_sources.is_empty(), "{:?}", whole.missing_sources);
    for answer in [None, Some(FAILS), Some(LIES)] {
        let url = source(answer).await;
        let less = diagnosis(&simulator, &pod, Some(&url)).await;
        assert_eq!((less.category, &less.target), (whole.category, &whole.target), "{answer:?}");
        assert!(
            less.confidence < whole.confidence,
            "{answer:?}: {} and {}",
            less.confidence,
            whole.confidence
        );
        for name in ["prometheus", "loki", "jaeger", "tempo", "alertmanager"] {
            let named = less.missing_sources.iter().any(|missing| missing.starts_with(name));
            assert!(named, "{answer:?}: {name} is not among {:?}", less.missing_sources);
        }
    }
    simulator.shutdown().await;
}
