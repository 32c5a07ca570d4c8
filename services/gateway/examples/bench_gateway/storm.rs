//! Fifty alerts about one workload, from the first webhook until the investigation of their incident begins, in the product as it runs.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::try_join_all, stream::BoxStream};
use jiff::Timestamp;
use paramedic_bus::{SharedBus, Stored, jetstream::JetStreamBus, streams};
use paramedic_domain::event::Event;
use paramedic_simulator::{Options, Scenario, Simulator};
use paramedic_testkit::{Backoff, ports::free_port, servers::NatsServer};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    accept::{PATH, TOKEN},
    figures::percentile,
};

/// Webhooks of a storm, and alerts in each.
const WEBHOOKS: usize = 10;
const EACH: usize = 5;
/// How long the product may take to start, and a storm to settle.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was measured; times in milliseconds, from the first byte of the first webhook.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    storms: usize,
    answered_p50_ms: f64,
    answered_p99_ms: f64,
    in_log_p50_ms: f64,
    in_log_p99_ms: f64,
    settled_p50_ms: f64,
    settled_p99_ms: f64,
}

/// A process; killed when dropped.
struct Product(Child);

impl Drop for Product {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Measures so many storms, one after the other.
pub(crate) async fn run(product: Option<&Path>, storms: u64) -> Option<Figures> {
    let Some(product) = product else {
        println!("\nstorms are not measured: --product names no binary");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario::builtin("payment-oom").unwrap();
    let simulator = Simulator::start(Options::new(scenario)).await.unwrap();
    std::fs::write(folder.path().join("kubeconfig"), simulator.kubeconfig()).unwrap();
    let nats = NatsServer::start().await.unwrap();
    let port = free_port().unwrap();
    let _running = start(product, folder.path(), &nats.url(), port).await;
    let bus: SharedBus = Arc::new(JetStreamBus::connect(&nats.url(), Default::default()).await.unwrap());
    let mut events = bus.follow(streams::INCIDENTS, "paramedic.incident.>", 0).await.unwrap();
    let url = format!("http://127.0.0.1:{port}{PATH}");
    let mut times = [const { Vec::new() }; 3];
    for storm in 0..storms {
        for (list, time) in times.iter_mut().zip(one(&url, storm, &mut events).await) {
            list.push(time);
        }
    }
    let [answered, in_log, settled] = times;
    let figures = Figures {
        storms: answered.len(),
        answered_p50_ms: percentile(&answered, 0.5),
        answered_p99_ms: percentile(&answered, 0.99),
        in_log_p50_ms: percentile(&in_log, 0.5),
        in_log_p99_ms: percentile(&in_log, 0.99),
        settled_p50_ms: percentile(&settled, 0.5),
        settled_p99_ms: percentile(&settled, 0.99),
    };
    println!(
        "\n{} storms of {} alerts in {WEBHOOKS} webhooks, ms from the first one (p50 / p99)",
        figures.storms,
        WEBHOOKS * EACH
    );
    println!(
        "  every webhook answered: {:.1} / {:.1}",
        figures.answered_p50_ms, figures.answered_p99_ms
    );
    println!(
        "  every alert in the incident's log: {:.1} / {:.1}",
        figures.in_log_p50_ms, figures.in_log_p99_ms
    );
    println!(
        "  settled, the investigation begins: {:.0} / {:.0}",
        figures.settled_p50_ms, figures.settled_p99_ms
    );
    Some(figures)
}

async fn start(binary: &Path, folder: &Path, bus: &str, port: u16) -> Product {
    let log = File::create(folder.join("product.log")).unwrap();
    let child = Command::new(binary)
        .arg("up")
        .env("PARAMEDIC_BUS__URL", bus)
        .env("PARAMEDIC_CLUSTER__NAME", "bench")
        .env("PARAMEDIC_CLUSTER__KUBECONFIG", folder.join("kubeconfig"))
        .env("PARAMEDIC_HTTP__LISTEN", format!("127.0.0.1:{port}"))
        .env("PARAMEDIC_GRPC__LISTEN", format!("127.0.0.1:{}", free_port().unwrap()))
        .env("PARAMEDIC_GATEWAY__SPOOL__PATH", folder.join("spool"))
        .env("PARAMEDIC_GATEWAY__SOURCES__ALERTMANAGER__TOKENS", TOKEN)
        .env("PARAMEDIC_APPROVAL__PUBLIC_URL", format!("http://127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut product = Product(child);
    let mut backoff = Backoff::new(PATIENCE);
    let client = reqwest::Client::new();
    loop {
        let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return product;
        }
        let ended = product.0.try_wait().unwrap();
        let log = || std::fs::read_to_string(folder.join("product.log")).unwrap_or_default();
        assert!(ended.is_none(), "the product ended:\n{}", log());
        assert!(backoff.pause().await, "the product is not ready:\n{}", log());
    }
}

/// One storm: every webhook answered, every alert in the log of one incident, and the investigation begun.
async fn one(url: &str, number: u64, events: &mut BoxStream<'static, Result<Stored, paramedic_bus::Error>>) -> [Duration; 3] {
    let client = reqwest::Client::new();
    let began = Instant::now();
    let posts = (0..WEBHOOKS).map(|rule| {
        let request = client.post(url).bearer_auth(TOKEN).json(&webhook(number, rule));
        async move { request.send().await?.error_for_status() }
    });
    try_join_all(posts).await.unwrap();
    let answered = began.elapsed();
    let (mut joined, mut in_log) = (0, None);
    loop {
        let next = tokio::time::timeout(PATIENCE, events.next()).await;
        let stored = next.expect("a storm settles").unwrap().unwrap();
        let recorded = paramedic_wire::decode(&stored.payload).unwrap();
        match &recorded.envelope.event {
            Event::IncidentOpened { alerts, .. } | Event::AlertsCorrelated { alerts, .. } => {
                joined += alerts.iter().filter(|alert| alert.labels["namespace"] == namespace(number)).count();
                if joined == WEBHOOKS * EACH {
                    in_log = Some(began.elapsed());
                }
            }
            Event::AnalysisStarted { .. } if joined > 0 && in_log.is_none() => panic!("it settled with {joined} alerts"),
            Event::AnalysisStarted { .. } => {
                if let Some(in_log) = in_log {
                    return [answered, in_log, began.elapsed()];
                }
            }
            _ => {}
        }
    }
}

fn namespace(number: u64) -> String {
    format!("storm-{number}")
}

fn webhook(number: u64, rule: usize) -> Value {
    let alerts: Vec<Value> = (0..EACH)
        .map(|pod| {
            json!({
                "status": "firing", "fingerprint": format!("{:016x}", (number << 16) + (rule * EACH + pod) as u64),
                "startsAt": Timestamp::now().to_string(), "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "annotations": {},
                "labels": {
                    "alertname": format!("Rule{rule}"), "namespace": namespace(number), "deployment": "web", "pod": format!("web-7c9d8b6f5-{pod:05}"),
                    "severity": "warning",
                },
            })
        })
        .collect();
    json!({
        "version": "4", "status": "firing", "receiver": "paramedic", "groupKey": format!("{{}}:{{alertname=\"Rule{rule}\", namespace=\"storm-{number}\"}}"),
        "truncatedAlerts": 0, "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager.example", "alerts": alerts,
    })
}
