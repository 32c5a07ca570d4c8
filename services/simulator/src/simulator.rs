//! The whole practice range: world, API server, telemetry and alerts behind one listener.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    alerting::Webhook,
    audit::{Audit, Entry},
    clock::SimClock,
    recording::{Begin, Recording},
    scenario::Scenario,
    server::Server,
    stage::Stage,
    store::Store,
};

/// The cluster to simulate.
#[derive(Debug)]
pub enum Cluster {
    /// A cluster that is described, with what goes wrong in it.
    Scenario(Box<Scenario>),
    /// A cluster that was recorded, and what the recording does not say.
    Recording(Box<Recording>, Begin),
}

impl From<Scenario> for Cluster {
    fn from(scenario: Scenario) -> Self {
        Self::Scenario(Box::new(scenario))
    }
}

impl From<(Recording, Begin)> for Cluster {
    fn from((recording, begin): (Recording, Begin)) -> Self {
        Self::Recording(Box::new(recording), begin)
    }
}

/// What to simulate, how fast, and where.
#[derive(Debug)]
pub struct Options {
    /// The cluster and what goes wrong in it.
    pub cluster: Cluster,
    /// Simulated seconds per wall second; 1 is real time.
    pub speed: f64,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Who is told about alerts; can be set later. Recorded clusters have no alerts of their own.
    pub alert_webhook: Option<Webhook>,
    /// Also write the audit log here, as JSON lines.
    pub audit_file: Option<PathBuf>,
}

impl Options {
    /// A cluster in real time on a free port of the loopback interface.
    pub fn new(cluster: impl Into<Cluster>) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            cluster: cluster.into(),
            speed: 1.0,
            listen,
            alert_webhook: None,
            audit_file: None,
        }
    }
}

/// A running simulator. Dropping it leaves its tasks running; call [`Simulator::shutdown`].
pub struct Simulator {
    clock: SimClock,
    store: Store,
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
            cluster,
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
        let token = uuid::Uuid::new_v4().simple().to_string();
        let stage = match cluster {
            Cluster::Scenario(scenario) => Stage::of_scenario(&scenario, Timestamp::now(), audit, &token)?,
            Cluster::Recording(recording, begin) => Stage::of_recording(*recording, begin, audit, &token)?,
        };
        let Stage {
            clock,
            store,
            audit,
            routes,
            play,
        } = stage;
        let server = Server::serve(listen, routes).await?;
        let cancel = CancellationToken::new();
        let (webhook, webhook_reader) = watch::channel(alert_webhook);
        clock.resume(speed);
        let tasks = play(webhook_reader, cancel.clone());
        Ok(Self {
            clock,
            store,
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

    /// Address of the Tempo API, over the same traces.
    pub fn tempo_url(&self) -> String {
        format!("{}/tempo", self.url())
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
    /// needs to read the same time. At a speed of 1 it always agrees, so a recorded cluster, which begins at a time of its own,
    /// needs another one.
    pub fn epoch(&self) -> Timestamp {
        let (simulated, wall) = (self.clock.now(), Timestamp::now());
        match self.clock.speed() {
            Some(speed) if (speed - 1.0).abs() > f64::EPSILON => wall + (wall.duration_since(simulated)).mul_f64(1.0 / (speed - 1.0)),
            _ => wall,
        }
    }

    /// The simulated clock.
    pub fn clock(&self) -> SimClock {
        self.clock.clone()
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
        self.store.clone()
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
