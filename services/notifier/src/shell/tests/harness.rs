//! The notifier and a stub of the approval role on the embedded bus.

use std::sync::Arc;

use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, streams};
use paramedic_domain::{
    event::{Event, Receipt},
    incident::Incident,
    policy::Mode,
};
use paramedic_proto::v1::{
    self,
    approval_service_server::{ApprovalService, ApprovalServiceServer},
};
use paramedic_runtime::{Clock, ClusterAccess, Kit, Role, serve};
use paramedic_testkit::servers::SmtpSink;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    Config,
    config::{Discord, Email, Opsgenie, PagerDuty, Slack as SlackConfig, Teams, Telegram, Webhook},
    core::fixture::{Log, at},
};

pub(super) const TOKEN: &str = "xoxb-test-token";
pub(super) const LOOPBACK: &str = "127.0.0.1:0";

/// Hands out links, and nothing else of the approval role.
struct Links;

type Nothing = tokio_stream::Empty<Result<v1::Approval, Status>>;

#[tonic::async_trait]
impl ApprovalService for Links {
    async fn links(&self, request: Request<v1::LinksRequest>) -> Result<Response<v1::LinksResponse>, Status> {
        let wanted = request.into_inner();
        let url = |word: &str| format!("https://paramedic.example.com/approvals/{word}-{}", wanted.recipient);
        Ok(Response::new(v1::LinksResponse {
            approve_url: url("yes"),
            deny_url: url("no"),
            expires_at: None,
        }))
    }
    async fn list(&self, _: Request<v1::ListApprovalsRequest>) -> Result<Response<v1::ListApprovalsResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }
    async fn get(&self, _: Request<v1::GetApprovalRequest>) -> Result<Response<v1::Approval>, Status> {
        Err(Status::unimplemented("not needed"))
    }
    async fn decide(&self, _: Request<v1::DecideRequest>) -> Result<Response<v1::DecideResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }
    async fn acknowledge(&self, _: Request<v1::AcknowledgeRequest>) -> Result<Response<v1::Approval>, Status> {
        Err(Status::unimplemented("not needed"))
    }
    async fn take_over(&self, _: Request<v1::TakeOverRequest>) -> Result<Response<v1::Approval>, Status> {
        Err(Status::unimplemented("not needed"))
    }
    type WatchStream = Nothing;
    async fn watch(&self, _: Request<v1::WatchApprovalsRequest>) -> Result<Response<Nothing>, Status> {
        Err(Status::unimplemented("not needed"))
    }
}

pub(super) struct Site {
    pub(super) kit: Kit,
    pub(super) grpc: String,
    running: JoinSet<anyhow::Result<()>>,
    _folder: TempDir,
}

impl Site {
    /// The notifier and the link stub in one process, on one gRPC port.
    pub(super) async fn start(email: Email, slack: SlackConfig) -> Self {
        Self::start_with(|config| {
            config.email = email;
            config.slack = slack;
        })
        .await
    }

    /// The same with what the configuration says after a change; without one, no channel is on.
    pub(super) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let bus: SharedBus = Arc::new(EmbeddedBus::open(folder.path()).unwrap());
        streams::ensure_all(bus.as_ref(), 1).await.unwrap();
        let kit = Kit {
            people: paramedic_runtime::People::default(),
            log: IncidentLog::new(bus.clone()),
            bus,
            clock: Clock::manual(at(0)),
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
        };
        let listeners = serve::Listeners::bind(LOOPBACK.parse().unwrap(), LOOPBACK.parse().unwrap())
            .await
            .unwrap();
        let grpc = format!("http://{}", listeners.grpc_address().unwrap());
        let mut config = Config {
            approval_url: grpc.clone(),
            approval_token: String::new().into(),
            email: no_email(),
            slack: no_slack(),
            pagerduty: PagerDuty::default(),
            opsgenie: Opsgenie::default(),
            webhook: Webhook::default(),
            teams: Teams::default(),
            discord: Discord::default(),
            telegram: Telegram::default(),
        };
        change(&mut config);
        config.validate().unwrap();
        let roles = vec![
            crate::build(config, kit.clone()).await.unwrap(),
            Role::new("approval").grpc(ApprovalServiceServer::new(Links)),
        ];
        let mut running = JoinSet::new();
        running.spawn(serve::run(roles, kit.clone(), listeners, paramedic_proto::FILE_DESCRIPTOR_SET));
        Self {
            kit,
            grpc,
            running,
            _folder: folder,
        }
    }

    pub(super) async fn append(&self, fixture: &Log) {
        let events: Vec<Event> = fixture.recorded.iter().map(|one| one.envelope.event.clone()).collect();
        let incident = &fixture.incident;
        // one by one: receipts may be appended in between, as in life
        for event in events {
            let decide = |_: &Incident, _| vec![event.clone()];
            self.kit
                .log
                .decide(&incident.cluster, &incident.id, None, &self.kit.clock, decide)
                .await
                .unwrap();
        }
    }

    pub(super) async fn events(&self, fixture: &Log) -> Vec<Event> {
        let incident = &fixture.incident;
        let log = self.kit.log.read(&incident.cluster, &incident.id).await.unwrap();
        log.into_iter().map(|one| one.envelope.event).collect()
    }

    pub(super) async fn receipts(&self, fixture: &Log, channel: &str) -> Vec<Receipt> {
        let sent = |event| match event {
            Event::NotificationSent { receipt } if receipt.channel == channel => Some(receipt),
            _ => None,
        };
        self.events(fixture).await.into_iter().filter_map(sent).collect()
    }

    /// Keys of failed tries; the flag says whether another follows.
    pub(super) async fn failures(&self, fixture: &Log) -> Vec<(String, bool)> {
        let failed = |event| match event {
            Event::NotificationFailed { key, next_try_in, .. } => Some((key, next_try_in.is_some())),
            _ => None,
        };
        self.events(fixture).await.into_iter().filter_map(failed).collect()
    }

    pub(super) async fn stop(mut self) {
        self.kit.drain.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

pub(super) fn no_email() -> Email {
    Email {
        url: String::new(),
        username: String::new(),
        password: String::new().into(),
        from: String::new(),
        to: Vec::new(),
    }
}

pub(super) fn email(sink: &SmtpSink, to: &[&str]) -> Email {
    let (host, port) = sink.address();
    Email {
        url: format!("smtp://{host}:{port}"),
        from: "Paramedic <paramedic@example.com>".into(),
        to: to.iter().map(|one| (*one).to_owned()).collect(),
        ..no_email()
    }
}

pub(super) fn no_slack() -> SlackConfig {
    SlackConfig {
        api_url: String::new(),
        token: String::new().into(),
        channel: String::new(),
        buttons: true,
    }
}

pub(super) fn slack(url: String) -> SlackConfig {
    SlackConfig {
        api_url: url,
        token: TOKEN.to_owned().into(),
        channel: "C0INCIDENTS".into(),
        buttons: true,
    }
}
