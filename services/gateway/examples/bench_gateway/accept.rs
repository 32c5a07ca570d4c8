//! Webhooks, as fast as they can be made durable.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use paramedic_bus::{IncidentLog, SharedBus, jetstream::JetStreamBus, streams};
use paramedic_domain::policy::Mode;
use paramedic_gateway::{
    Config, DEFAULTS,
    core::{
        body::Chunks,
        notification::{Context, split},
        webhook,
    },
};
use paramedic_runtime::{Clock, ClusterAccess, Kit};
use paramedic_testkit::servers::NatsServer;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    ceiling,
    figures::percentile,
    sender::{self, BLANK},
};

pub(crate) const TOKEN: &str = "0123456789abcdef-bench";
pub(crate) const PATH: &str = "/api/v1/alerts/alertmanager";
/// Alerts of a webhook, and webhooks in flight.
const ROWS: [(usize, usize); 6] = [(1, 1), (1, 64), (10, 64), (50, 64), (50, 16), (200, 16)];

/// Times of single messages, and how long it all took.
pub(crate) struct Measured {
    pub(crate) times: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

impl Measured {
    fn rate(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// One line of the table. Times in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    server: &'static str,
    batch: usize,
    in_flight: usize,
    webhook_bytes: usize,
    message_bytes: usize,
    alerts_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    raw_alerts_per_second: f64,
    raw_p50_ms: f64,
    raw_p99_ms: f64,
    share_of_raw: f64,
}

/// Rows for nats-server as it comes, and with every message on the disk before it is acknowledged.
pub(crate) async fn run(seconds: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    let synced = [("JetStream, file, one replica", false), ("the same, every append synced", true)];
    for (name, always) in synced {
        println!("\n{name}, {seconds} s a row\n");
        println!(
            "| alerts in a webhook | in flight | alerts/s | p50 ms | p99 ms | raw alerts/s | raw p50 ms | raw p99 ms | share of raw |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for (number, (batch, in_flight)) in ROWS.into_iter().enumerate() {
            // A store of its own for each row, so that none pays for what the one before left behind.
            let row = measure(name, always, batch, in_flight, seconds, number).await;
            println!(
                "| {} | {} | {:.0} | {:.2} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} |",
                row.batch,
                row.in_flight,
                row.alerts_per_second,
                row.p50_ms,
                row.p99_ms,
                row.raw_alerts_per_second,
                row.raw_p50_ms,
                row.raw_p99_ms,
                row.share_of_raw
            );
            rows.push(row);
        }
    }
    rows
}

async fn measure(server: &'static str, always: bool, batch: usize, in_flight: usize, seconds: u64, number: usize) -> Row {
    let start = async || match always {
        true => NatsServer::with_sync_always().await.unwrap(),
        false => NatsServer::start().await.unwrap(),
    };
    let payload = payload(batch);
    let message_bytes = payload.len();
    let raw = {
        let nats = start().await;
        let bus = JetStreamBus::connect(&nats.url(), Default::default()).await.unwrap();
        streams::ensure_all(&bus, 1).await.unwrap();
        ceiling::publish(&nats.url(), payload, in_flight, seconds).await
    };
    let nats = start().await;
    let folder = tempfile::tempdir().unwrap();
    let bus: SharedBus = Arc::new(JetStreamBus::connect(&nats.url(), Default::default()).await.unwrap());
    streams::ensure_all(&*bus, 1).await.unwrap();
    let spool = folder.path().join("spool").display().to_string();
    let role = paramedic_gateway::build(config(&spool), kit(bus)).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Without the correlating consumer: it is one replica's work, this is every replica's.
    let serving = tokio::spawn(async move { axum::serve(listener, role.http).await });
    let measured = sender::post(&address, batch, in_flight, seconds, number).await;
    serving.abort();
    Row {
        server,
        batch,
        in_flight,
        webhook_bytes: body(batch).len(),
        message_bytes,
        alerts_per_second: measured.rate() * batch as f64,
        p50_ms: percentile(&measured.times, 0.5),
        p99_ms: percentile(&measured.times, 0.99),
        raw_alerts_per_second: raw.rate() * batch as f64,
        raw_p50_ms: percentile(&raw.times, 0.5),
        raw_p99_ms: percentile(&raw.times, 0.99),
        share_of_raw: measured.rate() / raw.rate(),
    }
}

fn config(spool: &str) -> Config {
    #[derive(Deserialize)]
    struct File {
        gateway: Config,
    }
    let settings = format!(
        "[gateway.spool]\npath = '{spool}'\n[gateway.topology]\nenabled = false\n[gateway.sources.alertmanager]\ntokens = ['{TOKEN}']\n"
    );
    paramedic_runtime::config::load::<File>(&[DEFAULTS, &settings], None, [].into(), &[])
        .unwrap()
        .gateway
}

fn kit(bus: SharedBus) -> Kit {
    Kit {
        log: IncidentLog::new(bus.clone()),
        bus,
        clock: Clock::system(),
        drain: CancellationToken::new(),
        cluster: ClusterAccess {
            name: "bench".parse().unwrap(),
            client: None,
            prometheus: None,
            loki: None,
            mode: Mode::Standard,
            http: reqwest::Client::new(),
        },
    }
}

/// A webhook of alerts as the usual rules make them, with blanks for the group and the fingerprints.
pub(crate) fn body(batch: usize) -> String {
    let alert = |number: usize| {
        json!({
            "status": "firing", "fingerprint": BLANK, "startsAt": "2026-03-02T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example/graph?g0.expr=increase%28kube_pod_container_status_restarts_total%5B10m%5D%29+%3E+0",
            "labels": {
                "alertname": "KubePodCrashLooping", "cluster": "bench", "container": "web", "namespace": "shop", "pod": format!("web-7c9d8b6f5-{number:05}"),
                "prometheus": "monitoring/k8s", "reason": "CrashLoopBackOff", "severity": "warning", "uid": "0c6e1c5e-6a0f-4c56-9a53-3b6d2c2b0a11",
            },
            "annotations": {
                "description": format!("Pod shop/web-7c9d8b6f5-{number:05} (web) is in waiting state (reason: \"CrashLoopBackOff\")."),
                "runbook_url": "https://runbooks.example/kubernetes/kubepodcrashlooping", "summary": "Pod is crash looping.",
            },
        })
    };
    let webhook = json!({
        "version": "4", "status": "firing", "receiver": "paramedic", "groupKey": format!("{{}}:{{alertname=\"KubePodCrashLooping\", shard=\"{BLANK}\"}}"),
        "truncatedAlerts": 0, "groupLabels": {"alertname": "KubePodCrashLooping"}, "commonLabels": {"namespace": "shop"}, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example", "alerts": (0..batch).map(alert).collect::<Vec<_>>(),
    });
    webhook.to_string()
}

/// The message that the gateway makes of it.
fn payload(batch: usize) -> Bytes {
    let mut text = body(batch);
    let mut number = 0_u64;
    while text.contains(BLANK) {
        text = text.replacen(BLANK, &format!("{number:016x}"), 1);
        number += 1;
    }
    let mut chunks = Chunks::default();
    chunks.push(text.into());
    let group = webhook::parse(chunks)
        .unwrap_or_else(|_| panic!("the gateway refuses the webhook"))
        .groups
        .remove(0);
    let context = Context {
        cluster: &"bench".parse().unwrap(),
        source: "alertmanager",
        group_key: &group.key,
        received_at: jiff::Timestamp::now(),
        whole_group: group.whole,
    };
    let mut parts = split(context, group.alerts);
    assert_eq!(parts.len(), 1, "a webhook that is one message");
    paramedic_wire::encode_notification(&parts.remove(0).notification)
}
