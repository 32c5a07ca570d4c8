//! A nats-server of its own, and the role on it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use paramedic_bus::{IncidentLog, SharedBus, Start, jetstream::JetStreamBus, streams};
use paramedic_domain::{policy::Mode, subject};
use paramedic_proto::v1::{self, approval_service_client::ApprovalServiceClient};
use paramedic_runtime::{Clock, ClusterAccess, Kit, People, Policies, serve};
use paramedic_testkit::servers::NatsServer;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// The bus.
pub(crate) struct Stage {
    pub(crate) kit: Kit,
    nats: NatsServer,
}

/// The role, and those who call it.
pub(crate) struct Running {
    clients: Vec<ApprovalServiceClient<Channel>>,
    role: JoinHandle<anyhow::Result<()>>,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let nats = NatsServer::start().await.unwrap();
        let bus: SharedBus = Arc::new(JetStreamBus::connect(&nats.url(), Default::default()).await.unwrap());
        streams::ensure_all(bus.as_ref(), 1).await.unwrap();
        let kit = Kit {
            log: IncidentLog::new(bus.clone()),
            bus,
            clock: Clock::system(),
            drain: CancellationToken::new(),
            people: People::default(),
            cluster: ClusterAccess {
                name: "bench".parse().unwrap(),
                client: None,
                prometheus: None,
                loki: None,
                jaeger: None,
                tempo: None,
                alertmanager: None,
                mode: Mode::Standard,
                policies: Policies::default(),
                http: paramedic_runtime::http::client().unwrap(),
            },
        };
        Self { kit, nats }
    }

    /// Events of that kind, in all logs.
    pub(crate) async fn happened(&self, kind: &str) -> usize {
        let filter = subject::kind_filter(kind);
        self.kit
            .bus
            .replay(streams::INCIDENTS, &filter, Start::Beginning)
            .await
            .unwrap()
            .len()
    }

    /// Runs the role, for these callers.
    pub(crate) async fn serve(&self, callers: usize) -> Running {
        let any = "127.0.0.1:0".parse().unwrap();
        let listeners = serve::Listeners::bind(any, any).await.unwrap();
        let url = format!("http://{}", listeners.grpc_address().unwrap());
        let role = paramedic_approval::build(config(), self.kit.clone()).await.unwrap();
        let role = tokio::spawn(serve::run(
            vec![role],
            self.kit.clone(),
            listeners,
            paramedic_proto::FILE_DESCRIPTOR_SET,
        ));
        let mut clients = Vec::with_capacity(callers);
        for _caller in 0..callers {
            clients.push(ApprovalServiceClient::connect(url.clone()).await.unwrap());
        }
        Running { clients, role }
    }

    pub(crate) async fn end(mut self, running: Running) {
        self.kit.drain.cancel();
        running.role.await.unwrap().unwrap();
        self.kit.bus.close().await.ok();
        self.nats.stop().await.unwrap();
    }
}

/// As shipped.
fn config() -> paramedic_approval::Config {
    #[derive(serde::Deserialize)]
    struct File {
        approval: paramedic_approval::Config,
    }
    paramedic_runtime::config::load::<File>(&[paramedic_approval::DEFAULTS], None, [].into(), &[])
        .unwrap()
        .approval
}

impl Running {
    /// One person's approval, and how long it took.
    pub(crate) async fn decide(&self, caller: usize, question: v1::DecideRequest) -> Duration {
        let began = Instant::now();
        let told = self.clients[caller].clone().decide(question).await.unwrap().into_inner();
        assert!(told.counted, "{}", told.message);
        began.elapsed()
    }
}

/// Memory of this process, MiB, as Linux tells it.
pub(crate) fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
}
