//! Gateways on free ports, and what they wrote.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use paramedic_bus::{IncidentLog, SharedBus, Start, Stored, embedded::EmbeddedBus, streams};
use paramedic_domain::{
    correlation::{Notice, Stage},
    event::Event,
    id::ClusterId,
    incident::Incident,
    policy::Mode,
};
use paramedic_gateway::{Config, DEFAULTS};
use paramedic_runtime::{Clock, ClusterAccess, Kit};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "0123456789abcdef-old";
pub(crate) const NEXT_TOKEN: &str = "0123456789abcdef-new";
pub(crate) const FIRING: &str = include_str!("../fixtures/alertmanager_webhook_sample.json");
pub(crate) const PARTLY_RESOLVED: &str = include_str!("../fixtures/alertmanager_webhook_sample_partial_resolved.json");
pub(crate) const RESOLVED: &str = include_str!("../fixtures/alertmanager_webhook_sample_resolved.json");

/// Path of the source `alertmanager`.
pub(crate) const PATH: &str = "/api/v1/alerts/alertmanager";
/// Largest body of a test gateway.
pub(crate) const LIMIT: usize = 1 << 20;
/// Largest sum of bodies of a test gateway.
pub(crate) const ROOM: usize = 4 << 20;

pub(crate) fn cluster() -> ClusterId {
    "prod".parse().unwrap()
}

/// An embedded bus with the streams, in a folder.
pub(crate) async fn bus(folder: &Path) -> SharedBus {
    let bus: SharedBus = Arc::new(EmbeddedBus::open(folder).unwrap());
    streams::ensure_all(&*bus, 1).await.unwrap();
    bus
}

/// A running gateway. Dropping it kills its tasks where they stand.
pub(crate) struct Gateway {
    pub(crate) url: String,
    pub(crate) kit: Kit,
    tasks: JoinSet<()>,
    pub(crate) without_bus: Option<paramedic_runtime::WithoutBus>,
}

/// What to run of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    All,
    /// As if it died between the answer and the decision.
    IntakeOnly,
    /// With the way from the spool to the bus, but without decisions.
    Forwarding,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }
}

impl Gateway {
    /// Without a spool.
    pub(crate) async fn start(bus: &SharedBus, clock: &Clock, parts: Parts) -> Self {
        Self::start_with(bus, clock, parts, DEFAULT_SOURCE, None).await
    }

    /// One with these settings, and a way to a cluster.
    pub(crate) async fn start_with(bus: &SharedBus, clock: &Clock, parts: Parts, settings: &str, client: Option<kube::Client>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, bus, clock, parts, settings, client).await
    }

    /// One that listens here.
    pub(crate) async fn start_on(
        listener: TcpListener,
        bus: &SharedBus,
        clock: &Clock,
        parts: Parts,
        settings: &str,
        client: Option<kube::Client>,
    ) -> Self {
        let kit = kit(bus, clock, client);
        let role = paramedic_gateway::build(config(settings), kit.clone()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, role.http).await.unwrap() });
        for task in role.tasks {
            let wanted = match parts {
                Parts::All => true,
                Parts::IntakeOnly => false,
                Parts::Forwarding => task.name == "gateway/forward",
            };
            if wanted {
                tasks.spawn(async move { task.work.await.unwrap() });
            }
        }
        Self {
            url,
            kit,
            tasks,
            without_bus: role.without_bus,
        }
    }

    /// Lets it finish what it has in hand.
    pub(crate) async fn stop(mut self) {
        self.kit.drain.cancel();
        tokio::time::timeout(std::time::Duration::from_secs(10), self.tasks.join_next())
            .await
            .unwrap();
    }

    /// A webhook as Alertmanager sends it.
    pub(crate) async fn post(&self, body: impl Into<String>) -> Answer {
        self.send("POST", Some(TOKEN), Some("application/json"), body.into().into_bytes())
            .await
    }

    pub(crate) async fn send(&self, method: &str, token: Option<&str>, content_type: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = self.request(method, PATH).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        answer(request).await
    }

    /// A request to be completed.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let client = &self.kit.cluster.http;
        client.request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    /// Every incident, folded.
    pub(crate) async fn incidents(&self) -> Vec<Incident> {
        let mut incidents = Vec::new();
        for (cluster, id) in self.kit.log.incidents().await.unwrap() {
            incidents.push(self.kit.log.load(&cluster, &id).await.unwrap());
        }
        incidents
    }

    /// Appends an event to an incident.
    pub(crate) async fn append(&self, incident: &Incident, event: Event) {
        let mut event = Some(event);
        self.kit
            .log
            .decide(&incident.cluster, &incident.id, None, &self.kit.clock, |_, _| {
                event.take().into_iter().collect()
            })
            .await
            .unwrap();
    }

    /// Every notification in the `ALERTS` stream.
    pub(crate) async fn stored(&self) -> Vec<Stored> {
        let filter = "paramedic.alert.*.notification";
        self.kit.bus.replay(streams::ALERTS, filter, Start::Beginning).await.unwrap()
    }

    /// Whether the correlator was told that an incident reached this stage.
    pub(crate) async fn was_told(&self, of: Stage) -> bool {
        let filter = "paramedic.alert.*.told";
        let told = self.kit.bus.replay(streams::ALERTS, filter, Start::Beginning).await.unwrap();
        told.iter()
            .map(|message| paramedic_wire::decode_told(&message.payload).unwrap().notice)
            .any(|notice| matches!(notice, Notice::Reached { stage, .. } if stage == of))
    }
}

fn kit(bus: &SharedBus, clock: &Clock, client: Option<kube::Client>) -> Kit {
    Kit {
        people: paramedic_runtime::People::default(),
        bus: bus.clone(),
        log: IncidentLog::new(bus.clone()),
        clock: clock.clone(),
        drain: CancellationToken::new(),
        cluster: ClusterAccess {
            name: cluster(),
            client,
            prometheus: None,
            loki: None,
            jaeger: None,
            tempo: None,
            alertmanager: None,
            mode: Mode::Standard,
            policies: paramedic_runtime::Policies::default(),
            http: paramedic_runtime::http::client().unwrap(),
        },
    }
}

/// The routes of a gateway, for a listener of the test's own.
pub(crate) async fn routes(bus: &SharedBus, settings: &str) -> axum::Router {
    paramedic_gateway::build(config(settings), kit(bus, &clock(), None))
        .await
        .unwrap()
        .http
}

/// Sends it.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let text = response.text().await.unwrap();
    Answer {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
    }
}

/// The source of most tests.
pub(crate) const DEFAULT_SOURCE: &str = "[gateway.sources.alertmanager]\ntokens = ['0123456789abcdef-old', '0123456789abcdef-new']\n";

pub(crate) fn config(settings: &str) -> Config {
    #[derive(serde::Deserialize)]
    struct File {
        gateway: Config,
    }
    let bounds = format!(
        "[gateway]\nmax_body_bytes = {LIMIT}\nmax_in_flight_bytes = {ROOM}\nappend_timeout_seconds = 5\n[gateway.spool]\npath = ''\n[gateway.topology]\nenabled = false\n"
    );
    let config = paramedic_runtime::config::load::<File>(&[DEFAULTS, &bounds, settings], None, [].into(), &[])
        .unwrap()
        .gateway;
    config.validate().unwrap();
    config
}

/// One gateway on its own bus.
pub(crate) async fn gateway() -> (Gateway, TempDir) {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    (Gateway::start(&bus, &clock(), Parts::All).await, folder)
}

pub(crate) fn clock() -> Clock {
    Clock::manual("2026-11-21T23:00:00Z".parse().unwrap())
}

/// An alert of a webhook: fingerprint, status, minute of its start.
pub(crate) fn alert(fingerprint: &str, status: &str, minute: i64) -> Value {
    let starts_at = Timestamp::from_second(1_700_000_000 + minute * 60).unwrap();
    json!({
        "fingerprint": fingerprint, "status": status, "startsAt": starts_at.to_string(), "endsAt": "0001-01-01T00:00:00Z",
        "labels": {"alertname": "Down", "namespace": "shop", "deployment": "web", "severity": "critical", "instance": fingerprint},
    })
}

/// The same about another workload.
pub(crate) fn alert_of(deployment: &str, fingerprint: &str, status: &str, minute: i64) -> Value {
    let mut alert = alert(fingerprint, status, minute);
    alert["labels"]["deployment"] = json!(deployment);
    alert
}

/// A webhook with these alerts.
pub(crate) fn webhook(group_key: &str, alerts: &[Value]) -> String {
    json!({"version": "4", "groupKey": group_key, "receiver": "hook", "status": "firing", "alerts": alerts}).to_string()
}
