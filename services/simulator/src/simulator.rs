//! The whole practice range: world, API server, telemetry and alerts behind one listener.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context;
use axum::Router;
use jiff::Timestamp;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    alerting::{self, Silences, Webhook},
    api::Api,
    audit::{Audit, Entry},
    clock::SimClock,
    scenario::Scenario,
    server::Server,
    store::Store,
    telemetry,
    world::World,
};

/// What to simulate, how fast, and where.
#[derive(Debug)]
pub struct Options {
    /// The cluster and what goes wrong in it.
    pub scenario: Scenario,
    /// Simulated seconds per wall second; 1 is real time.
    pub speed: f64,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Who is told about alerts; can be set later.
    pub alert_webhook: Option<Webhook>,
    /// Also write the audit log here, as JSON lines.
    pub audit_file: Option<PathBuf>,
}

impl Options {
    /// `scenario` in real time on a free port of the loopback interface.
    pub fn new(scenario: Scenario) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            scenario,
            speed: 1.0,
            listen,
            alert_webhook: None,
            audit_file: None,
        }
    }
}

/// A running simulator. Dropping it leaves its tasks running; call [`Simulator::shutdown`].
pub struct Simulator {
    world: Arc<World>,
    audit: Audit,
    server: Server,
    token: String,
    webhook: watch::Sender<Option<Webhook>>,
    cancel: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "simulated time starts at the wall clock's; shutdown awaits every task"
)]
impl Simulator {
    /// Builds the scenario's cluster, lives through its past and serves it from now on.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let Options {
            scenario,
            speed,
            listen,
            alert_webhook,
            audit_file,
        } = options;
        anyhow::ensure!(speed > 0.0 && speed.is_finite(), "the speed must be a positive number, got {speed}");
        let audit = match &audit_file {
            Some(path) => Audit::to_file(path).with_context(|| format!("cannot write the audit file {}", path.display()))?,
            None => Audit::default(),
        };
        let clock = SimClock::manual(Timestamp::now() - scenario.warmup());
        let store = Store::new({
            let clock = clock.clone();
            move || clock.now()
        });
        let world = World::boot(&scenario, clock.clone(), store.clone())?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        let api = Arc::new(Api {
            store,
            kubelets: world.clone(),
            usage: world.clone(),
            audit: audit.clone(),
            token: token.clone(),
            admission: scenario.admission,
        });
        let silences = Silences::default();
        let routes = Router::new()
            .nest("/prometheus", telemetry::prometheus_router(world.clone()))
            .nest("/loki", telemetry::loki_router(world.clone()))
            .nest("/jaeger", telemetry::jaeger_router(world.clone()))
            .nest("/alertmanager", silences.router(world.clone()));
        let server = Server::start(listen, api, routes).await?;
        let cancel = CancellationToken::new();
        let (webhook, webhook_reader) = watch::channel(alert_webhook);
        clock.resume(speed);
        let tasks = vec![
            tokio::spawn(world.clone().run(cancel.clone())),
            tokio::spawn(alerting::run(world.clone(), silences, webhook_reader, cancel.clone())),
        ];
        Ok(Self {
            world,
            audit,
            server,
            token,
            webhook,
            cancel,
            tasks,
        })
    }

    /// Address of the API server.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Address of the Prometheus API.
    pub fn prometheus_url(&self) -> String {
        format!("{}/prometheus", self.url())
    }

    /// Address of the Loki API.
    pub fn loki_url(&self) -> String {
        format!("{}/loki", self.url())
    }

    /// Address of the silences of Alertmanager.
    pub fn alertmanager_url(&self) -> String {
        format!("{}/alertmanager", self.url())
    }

    /// Address of the Jaeger API.
    pub fn jaeger_url(&self) -> String {
        format!("{}/jaeger", self.url())
    }

    /// The bearer token that the API server lets in.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A kubeconfig for kubectl and client libraries, as YAML. The token stands in the address too, because kubectl sends
    /// none over plain HTTP.
    pub fn kubeconfig(&self) -> String {
        let (url, token) = (self.url(), &self.token);
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: simulator\n\
             clusters:\n- name: simulator\n  cluster:\n    server: {url}/access/{token}\n\
             contexts:\n- name: simulator\n  context:\n    cluster: simulator\n    user: simulator\n    namespace: default\n\
             users:\n- name: simulator\n  user:\n    token: {token}\n"
        )
    }

    /// The wall time at which the simulated clock agrees with the wall clock: with the speed, all that another process
    /// needs to read the same time.
    pub fn epoch(&self) -> Timestamp {
        let (simulated, wall) = (self.clock().now(), Timestamp::now());
        match self.clock().speed() {
            Some(speed) if (speed - 1.0).abs() > f64::EPSILON => wall + (wall.duration_since(simulated)).mul_f64(1.0 / (speed - 1.0)),
            _ => wall,
        }
    }

    /// The simulated clock.
    pub fn clock(&self) -> SimClock {
        self.world.clock().clone()
    }

    /// Every request the API server answered so far.
    pub fn audit(&self) -> Vec<Entry> {
        self.audit.entries()
    }

    /// How many requests the API server answered so far.
    pub fn answered(&self) -> usize {
        self.audit.len()
    }

    /// The objects.
    pub fn store(&self) -> Store {
        self.world.store().clone()
    }

    /// Tells somebody else about alerts from now on.
    pub fn set_alert_webhook(&self, webhook: Webhook) {
        self.webhook.send_replace(Some(webhook));
    }

    /// Stops everything.
    pub async fn shutdown(self) {
        self.cancel.cancel();
        self.server.shutdown().await;
        for task in self.tasks {
            // A task that panicked has said so already.
            task.await.ok();
        }
    }
}
