//! The role as it runs: two replicas on one bus, real HTTP and gRPC, a clock moved by hand.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, streams};
use paramedic_domain::{approval::GateState, envelope::Recorded, event::Event, incident::Incident, invariant, policy::Mode};
use paramedic_proto::v1::{self, approval_service_client::ApprovalServiceClient};
use paramedic_runtime::{Clock, ClusterAccess, Kit, serve};
use paramedic_testkit::eventually;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, transport::Channel};

use crate::{
    Config,
    config::Approver,
    core::fixture::{Log, at},
};

const LOOPBACK: &str = "127.0.0.1:0";

/// Two replicas of the role.
struct Site {
    kit: Kit,
    http: Vec<String>,
    grpc: Vec<String>,
    running: JoinSet<anyhow::Result<()>>,
}

impl Site {
    async fn start(folder: &TempDir, clock: Clock, approvers: Vec<Approver>) -> Self {
        let bus: SharedBus = Arc::new(EmbeddedBus::open(folder.path()).unwrap());
        streams::ensure_all(bus.as_ref(), 1).await.unwrap();
        let kit = Kit {
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
        };
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
                approvers: approvers.clone(),
                notifier_token: String::new().into(),
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

    async fn client(&self, replica: usize) -> ApprovalServiceClient<Channel> {
        ApprovalServiceClient::connect(self.grpc[replica].clone()).await.unwrap()
    }

    async fn stop(mut self) {
        self.kit.drain.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap().unwrap();
        }
    }

    /// Appends the events of a fixture, stamped with the clock's time.
    async fn append(&self, fixture: &Log) {
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

    async fn incident(&self, fixture: &Log) -> Incident {
        self.kit.log.load(&fixture.incident.cluster, &fixture.incident.id).await.unwrap()
    }

    async fn log(&self, fixture: &Log) -> Vec<Recorded> {
        self.kit.log.read(&fixture.incident.cluster, &fixture.incident.id).await.unwrap()
    }

    async fn waiting(&self, fixture: &Log) {
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

fn answer(fixture: &Log, by: &str, answer: v1::Answer) -> v1::DecideRequest {
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

fn links_of(fixture: &Log, recipient: &str) -> v1::LinksRequest {
    v1::LinksRequest {
        cluster: fixture.incident.cluster.to_string(),
        incident: fixture.incident.id.to_string(),
        gate: fixture.incident.plan.as_ref().unwrap().gates[0].id.to_string(),
        recipient: recipient.into(),
    }
}

fn kinds(log: &[Recorded], kind: &str) -> usize {
    log.iter().filter(|one| one.envelope.event.kind() == kind).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_asked_about_once_and_answered_through_any_replica() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(&folder, Clock::manual(at(0)), Vec::new()).await;
    let fixture = Log::with_plan(2);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let (mut one, mut two) = (site.client(0).await, site.client(1).await);

    let listed = |all| v1::ListApprovalsRequest { all, ..Default::default() };
    eventually!(one.list(listed(false)).await.unwrap().into_inner().approvals.len() == 2);
    let mut watch = two.watch(v1::WatchApprovalsRequest::default()).await.unwrap().into_inner();
    for _gate in 0..2 {
        let seen = watch.next().await.unwrap().unwrap();
        assert_eq!(seen.status(), v1::GateStatus::Waiting);
        assert_eq!(seen.steps.len(), 1);
    }

    let mut other_digest = answer(&fixture, "ann", v1::Answer::Approve);
    other_digest.digest = vec![7; 32];
    let refused = one.decide(other_digest).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("look again"), "{}", refused.message());
    let nobody = one.decide(answer(&fixture, " ", v1::Answer::Approve)).await.unwrap_err();
    assert_eq!(nobody.code(), Code::InvalidArgument);

    let counted = one.decide(answer(&fixture, "ann", v1::Answer::Approve)).await.unwrap().into_inner();
    assert!(counted.counted, "{}", counted.message);
    assert_eq!(counted.approval.unwrap().status(), v1::GateStatus::Granted);
    let again = two.decide(answer(&fixture, "ann", v1::Answer::Approve)).await.unwrap().into_inner();
    assert!(!again.counted);
    let late = two.decide(answer(&fixture, "ben", v1::Answer::Deny)).await.unwrap_err();
    assert!(late.message().contains("already approved by ann"), "{}", late.message());

    let granted = watch.next().await.unwrap().unwrap();
    assert_eq!(granted.status(), v1::GateStatus::Granted);
    assert_eq!(granted.decisions[0].by, "ann");
    eventually!(one.list(listed(false)).await.unwrap().into_inner().approvals.len() == 1);
    assert_eq!(one.list(listed(true)).await.unwrap().into_inner().approvals.len(), 2);

    let log = site.log(&fixture).await;
    assert_eq!(kinds(&log, "approval_requested"), 2);
    assert_eq!(kinds(&log, "approval_granted"), 1);
    assert_eq!(invariant::check_log(&log), Vec::new());
    drop(watch);
    drop((one, two));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_without_deciding_and_decides_once() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(at(0));
    let site = Site::start(&folder, clock.clone(), Vec::new()).await;
    let fixture = Log::with_plan(1);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let links = site
        .client(0)
        .await
        .links(links_of(&fixture, "ann@example.com"))
        .await
        .unwrap()
        .into_inner();
    // the other replica knows the same secret
    let approve = links.approve_url.replace(&site.http[0], &site.http[1]);
    let http = site.kit.cluster.http.clone();

    for _scanner in 0..3 {
        let page = http.get(&approve).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert_eq!(page.headers()["cache-control"], "no-store");
        let page = page.text().await.unwrap();
        assert!(
            page.contains("2Gi") && page.contains("3Gi") && page.contains("ann@example.com"),
            "{page}"
        );
        http.head(&approve).send().await.unwrap();
    }
    assert_eq!(kinds(&site.log(&fixture).await, "approval_granted"), 0, "looking decided");

    let forged = format!("{}x", links.approve_url);
    assert_eq!(http.post(&forged).form(&[("reason", "")]).send().await.unwrap().status(), 400);
    let done = http.post(&approve).form(&[("reason", "as discussed")]).send().await.unwrap();
    assert_eq!(done.status(), 200);
    assert!(done.text().await.unwrap().contains("Approved"));
    let used = http.post(&approve).form(&[("reason", "")]).send().await.unwrap();
    assert_eq!(used.status(), 409);
    assert!(used.text().await.unwrap().contains("already used"));
    let deny = http.post(&links.deny_url).form(&[("reason", "")]).send().await.unwrap();
    assert_eq!(deny.status(), 409);
    assert!(deny.text().await.unwrap().contains("already approved by ann@example.com"));
    clock.advance(Duration::from_secs(1800));
    assert_eq!(http.get(&links.deny_url).send().await.unwrap().status(), 410);

    let log = site.log(&fixture).await;
    let granted = log.iter().find_map(|one| match &one.envelope.event {
        Event::ApprovalGranted { decision, .. } => Some(decision.clone()),
        _ => None,
    });
    let granted = granted.unwrap();
    assert_eq!((granted.by.as_str(), granted.reason.as_str()), ("ann@example.com", "as discussed"));
    assert_eq!(kinds(&log, "approval_denied"), 0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_expires_once_even_across_a_restart() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::manual(at(0));
    let fixture = Log::with_plan(1);
    let site = Site::start(&folder, clock.clone(), Vec::new()).await;
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    site.stop().await;

    clock.advance(Duration::from_secs(1799));
    let site = Site::start(&folder, clock.clone(), Vec::new()).await;
    assert_eq!(kinds(&site.log(&fixture).await, "approval_expired"), 0);
    clock.advance(Duration::from_secs(1));
    let mut client = site.client(0).await;
    let late = client.decide(answer(&fixture, "ann", v1::Answer::Approve)).await.unwrap_err();
    assert!(late.message().contains("expired"), "{}", late.message());
    eventually!(kinds(&site.log(&fixture).await, "approval_expired") == 1);
    let log = site.log(&fixture).await;
    assert_eq!(kinds(&log, "approval_granted"), 0);
    assert_eq!(invariant::check_log(&log), Vec::new());
    drop(client);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_at_once_one_is_counted() {
    let folder = TempDir::new().unwrap();
    let site = Site::start(&folder, Clock::manual(at(0)), Vec::new()).await;
    let fixture = Log::with_plan(1);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let mut answers = JoinSet::new();
    for n in 0..8 {
        let mut client = site.client(n % 2).await;
        let word = if n % 3 == 0 { v1::Answer::Deny } else { v1::Answer::Approve };
        let request = answer(&fixture, &format!("person-{n}"), word);
        answers.spawn(async move { client.decide(request).await.is_ok() });
    }
    let counted = answers.join_all().await.into_iter().filter(|counted| *counted).count();
    assert_eq!(counted, 1);
    let log = site.log(&fixture).await;
    assert_eq!(kinds(&log, "approval_granted") + kinds(&log, "approval_denied"), 1);
    assert_eq!(invariant::check_log(&log), Vec::new());
    assert_eq!(site.incident(&fixture).await.misfits, 0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_approvers_the_token_decides_who_decides() {
    let folder = TempDir::new().unwrap();
    let ann = Approver {
        identity: "ann@example.com".into(),
        token: "token-of-ann-0001".to_owned().into(),
    };
    let site = Site::start(&folder, Clock::manual(at(0)), vec![ann]).await;
    let fixture = Log::with_plan(1);
    site.append(&fixture).await;
    site.waiting(&fixture).await;
    let mut client = site.client(0).await;
    let unsigned = client
        .decide(answer(&fixture, "ann@example.com", v1::Answer::Approve))
        .await
        .unwrap_err();
    assert_eq!(unsigned.code(), Code::Unauthenticated);
    let no_links = client.links(links_of(&fixture, "ann@example.com")).await.unwrap_err();
    assert_eq!(no_links.code(), Code::PermissionDenied);

    let mut signed = Request::new(answer(&fixture, "the boss", v1::Answer::Deny));
    signed
        .metadata_mut()
        .insert("authorization", "Bearer token-of-ann-0001".parse().unwrap());
    let denied = client.decide(signed).await.unwrap().into_inner();
    assert_eq!(denied.approval.unwrap().decisions[0].by, "ann@example.com");
    drop(client);
    site.stop().await;
}
