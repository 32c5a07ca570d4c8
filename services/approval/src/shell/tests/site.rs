//! Two replicas on one bus, real HTTP and gRPC, a clock moved by hand.

use std::sync::Arc;

use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, streams};
use paramedic_domain::{approval::GateState, envelope::Recorded, event::Event, incident::Incident, policy::Mode};
use paramedic_proto::v1::{self, approval_service_client::ApprovalServiceClient};
use paramedic_runtime::{Clock, ClusterAccess, Kit, People, serve};
use paramedic_testkit::eventually;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::{Config, config::Slack, core::fixture::Log};

const LOOPBACK: &str = "127.0.0.1:0";

/// Secrets of those who ask for more than an answer.
#[derive(Default)]
pub(super) struct Doors {
    /// The notifier's token; empty: none.
    pub(super) notifier: &'static str,
    /// Slack's signing secret; empty: no door for Slack.
    pub(super) signing_secret: &'static str,
    /// Base of Slack's API.
    pub(super) slack_url: String,
}

/// Two replicas of the role.
pub(super) struct Site {
    pub(super) kit: Kit,
    pub(super) http: Vec<String>,
    pub(super) grpc: Vec<String>,
    running: JoinSet<anyhow::Result<()>>,
}

impl Site {
    pub(super) async fn start(folder: &TempDir, clock: Clock, people: People) -> Self {
        Self::start_as(folder, clock, people, Doors::default()).await
    }

    /// The same, with secrets.
    pub(super) async fn start_as(folder: &TempDir, clock: Clock, people: People, doors: Doors) -> Self {
        let kit = kit(folder, clock, people).await;
        let mut site = Self {
            kit,
            http: Vec::new(),
            grpc: Vec::new(),
            running: JoinSet::new(),
        };
        for _replica in 0..2 {
            let listeners = serve::Listeners::bind(LOOPBACK.parse().unwrap(), LOOPBACK.parse().unwrap())
                .await
                .unwrap();
            let http = format!("http://{}", listeners.http_address().unwrap());
            site.grpc.push(format!("http://{}", listeners.grpc_address().unwrap()));
            let config = Config {
                public_url: http.clone(),
                link_secret: String::new().into(),
                notifier_token: doors.notifier.to_owned().into(),
                slack: Slack {
                    signing_secret: doors.signing_secret.to_owned().into(),
                    api_url: doors.slack_url.clone(),
                    bot_token: "xoxb-1".to_owned().into(),
                },
            };
            site.http.push(http);
            let role = crate::build(config, site.kit.clone()).await.unwrap();
            site.running.spawn(serve::run(
                vec![role],
                site.kit.clone(),
                listeners,
                paramedic_proto::FILE_DESCRIPTOR_SET,
            ));
        }
        site
    }

    pub(super) async fn client(&self, replica: usize) -> ApprovalServiceClient<Channel> {
        ApprovalServiceClient::connect(self.grpc[replica].clone()).await.unwrap()
    }

    pub(super) async fn stop(mut self) {
        self.kit.drain.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap().unwrap();
        }
    }

    /// Appends the events of a fixture, stamped with the clock's time.
    pub(super) async fn append(&self, fixture: &Log) {
        let events: Vec<Event> = fixture.recorded.iter().map(|one| one.envelope.event.clone()).collect();
        let incident = &fixture.incident;
        let mut first = true;
        let decide = |_: &Incident, _| if std::mem::take(&mut first) { events.clone() } else { Vec::new() };
        self.kit
            .log
            .decide(&incident.cluster, &incident.id, None, &self.kit.clock, decide)
            .await
            .unwrap();
    }

    pub(super) async fn incident(&self, fixture: &Log) -> Incident {
        self.kit.log.load(&fixture.incident.cluster, &fixture.incident.id).await.unwrap()
    }

    pub(super) async fn log(&self, fixture: &Log) -> Vec<Recorded> {
        self.kit.log.read(&fixture.incident.cluster, &fixture.incident.id).await.unwrap()
    }

    pub(super) async fn waiting(&self, fixture: &Log) {
        eventually!(
            self.incident(fixture)
                .await
                .gates
                .values()
                .all(|gate| matches!(gate, GateState::Waiting { .. })),
            "nobody was asked"
        );
    }
}

pub(super) fn answer(fixture: &Log, by: &str, answer: v1::Answer) -> v1::DecideRequest {
    let gate = &fixture.incident.plan.as_ref().unwrap().gates[0];
    v1::DecideRequest {
        cluster: fixture.incident.cluster.to_string(),
        incident: fixture.incident.id.to_string(),
        gate: gate.id.to_string(),
        digest: gate.digest.bytes().to_vec(),
        answer: answer.into(),
        by: by.into(),
        channel: v1::Channel::Cli.into(),
        reason: "looks right".into(),
    }
}

pub(super) fn links_of(fixture: &Log, recipient: &str) -> v1::LinksRequest {
    v1::LinksRequest {
        cluster: fixture.incident.cluster.to_string(),
        incident: fixture.incident.id.to_string(),
        gate: fixture.incident.plan.as_ref().unwrap().gates[0].id.to_string(),
        recipient: recipient.into(),
    }
}

pub(super) fn kinds(log: &[Recorded], kind: &str) -> usize {
    log.iter().filter(|one| one.envelope.event.kind() == kind).count()
}

/// What the role is given, on the bus in a folder.
pub(super) async fn kit(folder: &TempDir, clock: Clock, people: People) -> Kit {
    let bus: SharedBus = Arc::new(EmbeddedBus::open(folder.path()).unwrap());
    streams::ensure_all(bus.as_ref(), 1).await.unwrap();
    Kit {
        people,
        log: IncidentLog::new(bus.clone()),
        bus,
        clock,
        drain: CancellationToken::new(),
        cluster: ClusterAccess {
            name: "prod-eu".parse().unwrap(),
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
    }
}
