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
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    ceiling::{self, Publisher},
    figures::{load_average, percentile, process_time},
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

/// What something gave, and what each webhook cost.
#[derive(Debug, Serialize)]
struct Run {
    alerts_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Processor time, microseconds for each webhook: the senders, this process without them, nats-server.
    senders_us: f64,
    server_us: f64,
    nats_us: f64,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    server: &'static str,
    batch: usize,
    in_flight: usize,
    webhook_bytes: usize,
    message_bytes: usize,
    gateway: Run,
    /// The messages alone, without requests.
    raw: Run,
    /// A server that publishes a message for each request and reads nothing.
    echo: Run,
    /// A server that answers and does nothing else.
    answer: Run,
    share_of_raw: f64,
    share_of_echo: f64,
}

/// Rows for nats-server as it comes, and with every message on the disk before it is acknowledged.
pub(crate) async fn run(seconds: u64) -> Vec<Row> {
    // What is counted is kept, as in the product.
    paramedic_runtime::telemetry::metrics();
    let mut rows = Vec::new();
    let synced = [("JetStream, file, one replica", false), ("the same, every append synced", true)];
    for (name, always) in synced {
        println!("\n{name}, {seconds} s a row; load average {}\n", load_average());
        println!(
            "| alerts in a webhook | in flight | alerts/s | p50 / p99 ms | raw alerts/s | raw p50 / p99 ms | share of raw | echo alerts/s | share of echo | \
             only answered | µs each: senders, gateway, nats | raw: client, nats | echo: senders, server, nats |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
        for (number, (batch, in_flight)) in ROWS.into_iter().enumerate() {
            let row = measure(name, always, batch, in_flight, seconds, number).await;
            let Row {
                gateway,
                raw,
                echo,
                answer,
                ..
            } = &row;
            println!(
                "| {batch} | {in_flight} | {:.0} | {:.2} / {:.2} | {:.0} | {:.2} / {:.2} | {:.2} | {:.0} | {:.2} | {:.0} | {:.1} {:.1} {:.1} | {:.1} {:.1} | {:.1} {:.1} {:.1} |",
                gateway.alerts_per_second,
                gateway.p50_ms,
                gateway.p99_ms,
                raw.alerts_per_second,
                raw.p50_ms,
                raw.p99_ms,
                row.share_of_raw,
                echo.alerts_per_second,
                row.share_of_echo,
                answer.alerts_per_second,
                gateway.senders_us,
                gateway.server_us,
                gateway.nats_us,
                raw.server_us,
                raw.nats_us,
                echo.senders_us,
                echo.server_us,
                echo.nats_us,
            );
            rows.push(row);
        }
    }
    rows
}

/// Everything of one row, each with a store of its own, so that none pays for what the one before left behind.
async fn measure(server: &'static str, always: bool, batch: usize, in_flight: usize, seconds: u64, number: usize) -> Row {
    let payload = payload(batch);
    let message_bytes = payload.len();
    let post = |address: String| async move { sender::post(&address, batch, in_flight, seconds, number).await };

    let nats = start(always).await;
    let publisher = Publisher::connect(&nats.url(), payload.clone()).await;
    let raw = timed(batch, nats.process(), async {
        (publisher.alone(in_flight, seconds).await, Duration::ZERO)
    })
    .await;
    drop(nats);

    let nats = start(always).await;
    let publisher = Publisher::connect(&nats.url(), payload).await;
    let (address, serving) = serve(ceiling::server(Some(publisher))).await;
    let echo = timed(batch, nats.process(), post(address)).await;
    serving.abort();
    drop(nats);

    let (address, serving) = serve(ceiling::server(None)).await;
    let answer = timed(batch, None, post(address)).await;
    serving.abort();

    let nats = start(always).await;
    let folder = tempfile::tempdir().unwrap();
    let bus: SharedBus = Arc::new(JetStreamBus::connect(&nats.url(), Default::default()).await.unwrap());
    let spool = folder.path().join("spool").display().to_string();
    // Without the correlating consumer: it is one replica's work, this is every replica's.
    let role = paramedic_gateway::build(config(&spool), kit(bus)).await.unwrap();
    let (address, serving) = serve(paramedic_runtime::http::traced(role.http)).await;
    let gateway = timed(batch, nats.process(), post(address)).await;
    serving.abort();
    Row {
        server,
        batch,
        in_flight,
        webhook_bytes: body(batch).len(),
        message_bytes,
        share_of_raw: gateway.alerts_per_second / raw.alerts_per_second,
        share_of_echo: gateway.alerts_per_second / echo.alerts_per_second,
        gateway,
        raw,
        echo,
        answer,
    }
}

/// A nats-server with the streams.
async fn start(always: bool) -> NatsServer {
    let nats = match always {
        true => NatsServer::with_sync_always().await.unwrap(),
        false => NatsServer::start().await.unwrap(),
    };
    let bus = JetStreamBus::connect(&nats.url(), Default::default()).await.unwrap();
    streams::ensure_all(&bus, 1).await.unwrap();
    nats
}

async fn serve(routes: axum::Router) -> (String, JoinHandle<std::io::Result<()>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (address, tokio::spawn(axum::serve(listener, routes).into_future()))
}

/// What was measured, with the processor time that it took. `work` gives that of the senders.
async fn timed(batch: usize, nats: Option<u32>, work: impl Future<Output = (Measured, Duration)>) -> Run {
    let spent = || (process_time(std::process::id()), nats.map(process_time).unwrap_or_default());
    let (own, other) = spent();
    let (measured, senders) = work.await;
    let (own, other) = (spent().0 - own, spent().1 - other);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / measured.times.len() as f64;
    Run {
        alerts_per_second: measured.rate() * batch as f64,
        p50_ms: percentile(&measured.times, 0.5),
        p99_ms: percentile(&measured.times, 0.99),
        senders_us: each(senders),
        server_us: each(own.saturating_sub(senders)),
        nats_us: each(other),
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
        people: paramedic_runtime::People::default(),
        log: IncidentLog::new(bus.clone()),
        bus,
        clock: Clock::system(),
        drain: CancellationToken::new(),
        cluster: ClusterAccess {
            name: "bench".parse().unwrap(),
            client: None,
            prometheus: None,
            loki: None,
            jaeger: None,
            tempo: None,
            alertmanager: None,
            mode: Mode::Standard,
            policies: paramedic_runtime::Policies::default(),
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
    paramedic_wire::encode_notification(parts.remove(0).notification)
}
