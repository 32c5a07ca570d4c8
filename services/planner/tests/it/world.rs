//! A bus, a role, an incident with a diagnosis.

use std::{collections::HashMap, sync::Arc};

use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, streams};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Severity},
    diagnosis::{Category, Diagnosis},
    event::{Direction, Event, FailureCause, WorkflowOutcome},
    id::{ClusterId, IncidentId},
    incident::Incident,
    object::ObjectRef,
    plan::Recommendation,
    policy::Mode,
    request::{ChangeRequest, What},
    verification::{Verdict, Verification},
};
use paramedic_planner::{Config, DEFAULTS, build};
use paramedic_runtime::{Clock, ClusterAccess, Kit, Policies, tasks};
use paramedic_testkit::Backoff;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::service::RoutesBuilder;

#[derive(Deserialize)]
struct Defaults {
    planner: Config,
}

pub(crate) fn config(executor: &str) -> Config {
    let defaults: Defaults = paramedic_runtime::config::load(&[DEFAULTS], None, HashMap::new(), &[]).unwrap();
    let mut config = defaults.planner;
    config.validate().unwrap();
    executor.clone_into(&mut config.executor_url);
    config
}

pub(crate) fn cluster() -> ClusterId {
    "test".parse().unwrap()
}

/// The seven recommendations of a leak, as JSON.
pub(crate) fn seven() -> Value {
    let one = |id: &str, action: &str, dependencies: &[&str]| json!({"id": id, "action": action, "dependencies": dependencies});
    let mut all = json!([
        one("rec-001", "collect_diagnostics", &[]),
        one("rec-002", "backup_data", &[]),
        one("rec-003", "increase_resources", &["rec-001", "rec-002"]),
        one("rec-004", "restart_pod", &["rec-003"]),
        one("rec-005", "enable_debug_mode", &["rec-004"]),
        one("rec-006", "update_hpa", &["rec-004"]),
        one("rec-007", "notify_only", &["rec-005", "rec-006"]),
    ]);
    all[3]["requiresApproval"] = json!(true);
    all
}

/// A leak of the payment service with these recommendations.
pub(crate) fn diagnosis(recommendations: Value) -> Diagnosis {
    let recommendations: Vec<Recommendation> = serde_json::from_value(recommendations).unwrap();
    Diagnosis {
        category: Category::MemoryLeak,
        target: ObjectRef::new("apps/v1", "Deployment", Some("production"), "payment-service"),
        confidence: 0.78,
        summary: "leaks".into(),
        causal_chain: Vec::new(),
        factors: Vec::new(),
        evidence: Vec::new(),
        missing_sources: Vec::new(),
        recommendations,
        options: Vec::new(),
        criteria: Vec::new(),
        engine: "test".into(),
        alternatives: Vec::new(),
        wrong_if: String::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
    }
}

pub(crate) struct Running {
    pub(crate) log: IncidentLog,
    pub(crate) bus: SharedBus,
    pub(crate) clock: Clock,
    /// Address of its gRPC service.
    pub(crate) url: String,
    drain: CancellationToken,
    work: tokio::task::JoinHandle<anyhow::Result<()>>,
    _folder: TempDir,
}

pub(crate) async fn run(config: Config) -> Running {
    run_under(config, Policies::default()).await
}

#[allow(clippy::disallowed_methods, reason = "the test owns the task and joins it")]
pub(crate) async fn run_under(config: Config, policies: Policies) -> Running {
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    let bus: SharedBus = Arc::new(EmbeddedBus::open(folder.path()).unwrap());
    streams::ensure_all(bus.as_ref(), 1).await.unwrap();
    let kit = Kit {
        people: paramedic_runtime::People::default(),
        log: IncidentLog::new(bus.clone()),
        bus,
        clock: Clock::scaled(Clock::system().now(), 200.0),
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
            policies,
            http: paramedic_runtime::http::client().unwrap(),
        },
    };
    let (bus, log, clock, drain) = (kit.bus.clone(), kit.log.clone(), kit.clock.clone(), kit.drain.clone());
    let mut role = build(config, kit).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut routes = RoutesBuilder::default();
    for service in std::mem::take(&mut role.grpc) {
        assert_eq!(service.name, "paramedic.v1.PlannerService");
        (service.mount)(&mut routes);
    }
    let served = tonic::transport::Server::builder()
        .add_routes(routes.routes())
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), drain.clone().cancelled_owned());
    let role = role.task("grpc", async move { Ok(served.await?) });
    let work = tokio::spawn(tasks::run(role.tasks, drain.clone()));
    Running {
        bus,
        log,
        clock,
        url,
        drain,
        work,
        _folder: folder,
    }
}

impl Running {
    pub(crate) async fn diagnosed(&self, recommendations: Value) -> IncidentId {
        self.opened("test", &[]).await;
        self.reached("test", diagnosis(recommendations)).await
    }

    /// An incident with these alerts firing.
    pub(crate) async fn opened(&self, name: &str, alerts: &[&str]) -> IncidentId {
        let id = IncidentId::derive(&[name]);
        let alert = |fingerprint: &&str| Alert {
            fingerprint: (*fingerprint).to_owned(),
            status: AlertStatus::Firing,
            labels: [("alertname".to_owned(), "Down".to_owned())].into(),
            annotations: [].into(),
            starts_at: self.clock.now(),
            ends_at: None,
            generator_url: String::new(),
            group_key: name.to_owned(),
        };
        let opened = Event::IncidentOpened {
            title: "t".into(),
            severity: Severity::Warning,
            alerts: alerts.iter().map(alert).collect(),
            traceparent: None,
            request: None,
        };
        self.append(&id, vec![opened]).await;
        id
    }

    /// An incident that somebody's request opened.
    pub(crate) async fn asked(&self, name: &str) -> IncidentId {
        let id = IncidentId::derive(&[name]);
        let opened = Event::IncidentOpened {
            title: "t".into(),
            severity: Severity::Info,
            alerts: Vec::new(),
            traceparent: None,
            request: Some(ChangeRequest {
                id: name.parse().unwrap(),
                by: "pipeline".into(),
                on_behalf_of: String::new(),
                what: What::SetImage {
                    target: ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web"),
                    container: None,
                    image: "web:2".into(),
                },
            }),
        };
        self.append(&id, vec![opened]).await;
        id
    }

    /// Its next attempt at a diagnosis.
    pub(crate) async fn reached(&self, name: &str, diagnosis: Diagnosis) -> IncidentId {
        let id = IncidentId::derive(&[name]);
        let attempt = self.log.load(&cluster(), &id).await.unwrap().attempt + 1;
        let reached = Event::DiagnosisReached {
            attempt,
            diagnosis: Box::new(diagnosis),
        };
        self.append(&id, vec![Event::AnalysisStarted { attempt }, reached]).await;
        id
    }

    /// The current plan runs through, every step in ten seconds.
    pub(crate) async fn ran(&self, id: &IncidentId, outcome: WorkflowOutcome, cause: Option<FailureCause>) {
        let plan = self.log.load(&cluster(), id).await.unwrap().plan.unwrap();
        for step in &plan.steps {
            let (plan, step) = (plan.id.clone(), step.id.clone());
            let started = Event::StepStarted {
                plan: plan.clone(),
                step: step.clone(),
                direction: Direction::Forward,
                attempt: 1,
                worker: "worker-1".parse().unwrap(),
            };
            let succeeded = Event::StepSucceeded {
                plan,
                step,
                attempt: 1,
                summary: "done".into(),
                artifacts: Vec::new(),
            };
            self.append(id, vec![started, succeeded]).await;
        }
        let plan = plan.id.clone();
        self.append(id, vec![Event::WorkflowFinished { plan, outcome, cause }]).await;
    }

    /// The verdict on what was done.
    pub(crate) async fn judged(&self, id: &IncidentId, verdict: Verdict) {
        let verification = Box::new(Verification {
            verdict,
            summary: "measured".into(),
            measurements: Vec::new(),
            caveats: Vec::new(),
            window: std::time::Duration::from_secs(60),
            expected_recurrence: None,
        });
        let attempt = 1;
        let event = match verdict {
            Verdict::Passed => Event::VerificationPassed { attempt, verification },
            Verdict::Failed => Event::VerificationFailed { attempt, verification },
            Verdict::Inconclusive => Event::VerificationInconclusive { attempt, verification },
        };
        self.append(id, vec![event]).await;
    }

    /// Appends events as other services would.
    pub(crate) async fn append(&self, id: &IncidentId, events: Vec<Event>) {
        let before = self.log.load(&cluster(), id).await.unwrap().version;
        let decide = |incident: &Incident, _| {
            let done = usize::try_from(incident.version - before).unwrap();
            events.get(done..).unwrap_or_default().to_vec()
        };
        self.log.decide(&cluster(), id, None, &self.clock, decide).await.unwrap();
    }

    pub(crate) async fn until(&self, id: &IncidentId, fits: impl Fn(&Incident) -> bool) -> Incident {
        let mut backoff = Backoff::new(paramedic_testkit::DEADLINE);
        loop {
            let incident = self.log.load(&cluster(), id).await.unwrap();
            if fits(&incident) {
                assert_eq!(incident.misfits, 0);
                return incident;
            }
            assert!(
                backoff.pause().await,
                "still {:?} with {} plans: {:?}",
                incident.status(),
                incident.plans,
                incident.refusals
            );
        }
    }

    pub(crate) async fn stop(self) {
        self.drain.cancel();
        self.work.await.unwrap().unwrap();
    }
}
