//! A bus of its own and the executor role on it.

use std::{str::FromStr, sync::Arc};

use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, jetstream::JetStreamBus, streams};
use paramedic_domain::policy::Mode;
use paramedic_executor::Config;
use paramedic_runtime::{Clock, ClusterAccess, Kit, tasks};
use paramedic_testkit::servers::NatsServer;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Steps that run at the same time, all workflows together.
const WORKERS: usize = 256;

/// Which bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// nats-server, one replica, file storage, its default of syncing every two minutes.
    JetStream,
    /// The same with `sync_interval: always`: every append is on the disk before it is acknowledged.
    JetStreamAlways,
    /// sled, every append flushed and synced before it is acknowledged.
    Embedded,
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "jetstream" => Ok(Self::JetStream),
            "jetstream-always" => Ok(Self::JetStreamAlways),
            "embedded" => Ok(Self::Embedded),
            other => Err(format!("{other} is not a backend: jetstream, jetstream-always, embedded")),
        }
    }
}

impl Backend {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::JetStream => "jetstream",
            Self::JetStreamAlways => "jetstream-always",
            Self::Embedded => "embedded",
        }
    }
}

pub(crate) struct Stage {
    pub(crate) kit: Kit,
    running: JoinHandle<()>,
    nats: Option<NatsServer>,
    _folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn start(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nats = match backend {
            Backend::JetStream => Some(NatsServer::start().await.unwrap()),
            Backend::JetStreamAlways => Some(NatsServer::with_sync_always().await.unwrap()),
            Backend::Embedded => None,
        };
        let bus: SharedBus = match &nats {
            Some(nats) => Arc::new(JetStreamBus::connect(&nats.url(), Default::default()).await.unwrap()),
            None => Arc::new(EmbeddedBus::open(folder.path()).unwrap()),
        };
        streams::ensure_all(bus.as_ref(), 1).await.unwrap();
        let nowhere = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
        let kit = Kit {
            people: paramedic_runtime::People::default(),
            log: IncidentLog::new(bus.clone()),
            bus,
            clock: Clock::system(),
            drain: CancellationToken::new(),
            cluster: ClusterAccess {
                name: "bench".parse().unwrap(),
                client: Some(kube::Client::try_from(nowhere).unwrap()),
                prometheus: None,
                loki: None,
                jaeger: None,
                tempo: None,
                alertmanager: None,
                mode: Mode::Standard,
                policies: paramedic_runtime::Policies::default(),
                http: reqwest::Client::new(),
            },
        };
        let config = Config {
            workers: WORKERS,
            ..Config::default()
        };
        let role = paramedic_executor::build(config, kit.clone()).await.unwrap();
        let stop = kit.drain.clone();
        let running = tokio::spawn(async move { tasks::run(role.tasks, stop).await.unwrap() });
        Self {
            kit,
            running,
            nats,
            _folder: folder,
        }
    }

    pub(crate) async fn end(mut self) {
        self.kit.drain.cancel();
        self.running.await.unwrap();
        self.kit.bus.close().await.ok();
        if let Some(nats) = &mut self.nats {
            nats.stop().await.unwrap();
        }
    }
}
