//! A console on free ports.

use std::{sync::Arc, time::Duration};

use paramedic_bus::{IncidentLog, embedded::EmbeddedBus, streams};
use paramedic_console::{Config, DEFAULTS};
use paramedic_domain::{
    alert::Severity,
    event::Event,
    id::{ClusterId, IncidentId},
    policy::Mode,
};
use paramedic_proto::v1::{
    incident_service_client::IncidentServiceClient, maintenance_service_client::MaintenanceServiceClient,
    safety_service_client::SafetyServiceClient,
};
use paramedic_runtime::{Clock, ClusterAccess, Kit, grpc, serve};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

pub(crate) struct Console {
    pub(crate) client: IncidentServiceClient<Channel>,
    pub(crate) maintenance: MaintenanceServiceClient<Channel>,
    pub(crate) safety: SafetyServiceClient<Channel>,
    pub(crate) kit: Kit,
    tasks: JoinSet<anyhow::Result<()>>,
    _folder: TempDir,
}

impl Console {
    pub(crate) async fn start(extra: &str) -> Self {
        Self::start_with(extra, paramedic_runtime::People::default()).await
    }

    /// With Ann, who has a role and this token, and nobody else.
    pub(crate) async fn guarded(role: &str, token: &str) -> Self {
        let hash = paramedic_people::token_hash(token);
        let people = format!("people: [{{id: ann, tokens: [\"{hash}\"], roles: [{{role: {role}}}]}}]");
        let people = paramedic_people::Directory::parse(&people).unwrap();
        Self::start_with("", paramedic_runtime::People::of(people)).await
    }

    async fn start_with(extra: &str, people: paramedic_runtime::People) -> Self {
        let folder = TempDir::new().unwrap();
        let bus: paramedic_bus::SharedBus = Arc::new(EmbeddedBus::open(folder.path()).unwrap());
        streams::ensure_all(&*bus, 1).await.unwrap();
        let kit = Kit {
            people,
            log: IncidentLog::new(bus.clone()),
            bus,
            clock: Clock::manual("2026-11-21T23:00:00Z".parse().unwrap()),
            drain: CancellationToken::new(),
            cluster: ClusterAccess {
                name: cluster(),
                client: None,
                prometheus: None,
                loki: None,
                jaeger: None,
                tempo: None,
                alertmanager: None,
                mode: Mode::Standard,
                policies: paramedic_runtime::Policies::default(),
                http: paramedic_runtime::http::client().unwrap(),
            },
        };
        let role = paramedic_console::build(config(extra), kit.clone()).await.unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let listeners = serve::Listeners::bind(any, any).await.unwrap();
        let url = format!("http://{}", listeners.grpc_address().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve::run(vec![role], kit.clone(), listeners, paramedic_proto::FILE_DESCRIPTOR_SET));
        let channel = grpc::channel(&url, Duration::from_secs(20)).unwrap();
        Self {
            client: IncidentServiceClient::new(channel.clone()),
            maintenance: MaintenanceServiceClient::new(channel.clone()),
            safety: SafetyServiceClient::new(channel),
            kit,
            tasks,
            _folder: folder,
        }
    }

    /// Appends events to the incident of that name.
    pub(crate) async fn append(&self, name: &str, events: Vec<Event>) -> IncidentId {
        let id = IncidentId::derive(&[name]);
        self.kit
            .log
            .decide(&cluster(), &id, None, &self.kit.clock, |incident, _| {
                events[usize::try_from(incident.version).unwrap().min(events.len())..].to_vec()
            })
            .await
            .unwrap();
        self.kit.clock.advance(Duration::from_secs(60));
        id
    }

    /// Drains it.
    pub(crate) async fn stop(mut self) {
        self.kit.drain.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.tasks.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

pub(crate) fn cluster() -> ClusterId {
    "prod".parse().unwrap()
}

pub(crate) fn opened(title: &str) -> Event {
    Event::IncidentOpened {
        title: title.into(),
        severity: Severity::Critical,
        alerts: Vec::new(),
        traceparent: None,
        request: None,
    }
}

pub(crate) fn resolved() -> Event {
    Event::IncidentResolved { reason: "verified".into() }
}

fn config(extra: &str) -> Config {
    #[derive(serde::Deserialize)]
    struct File {
        console: Config,
    }
    let extra = format!("[console]\npoll_interval_ms = 20\n{extra}");
    let config = paramedic_runtime::config::load::<File>(&[DEFAULTS, &extra], None, [].into(), &[])
        .unwrap()
        .console;
    config.validate().unwrap();
    config
}

/// A request of Ann, whose token is `0123456789abcdef`.
pub(crate) fn signed<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", "Bearer 0123456789abcdef".parse().unwrap());
    request
}
