//! A bus, a role, an incident with a diagnosis.

use std::{collections::HashMap, sync::Arc};

use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, streams};
use paramedic_domain::{
    alert::Severity,
    diagnosis::{Category, Diagnosis},
    event::Event,
    id::{ClusterId, IncidentId},
    incident::Incident,
    object::ObjectRef,
    plan::Recommendation,
    policy::Mode,
};
use paramedic_planner::{Config, DEFAULTS, build};
use paramedic_runtime::{Clock, ClusterAccess, Kit, tasks};
use paramedic_testkit::Backoff;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

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

pub(crate) struct Running {
    pub(crate) log: IncidentLog,
    pub(crate) clock: Clock,
    pub(crate) grpc: Vec<paramedic_runtime::GrpcService>,
    drain: CancellationToken,
    work: tokio::task::JoinHandle<anyhow::Result<()>>,
    _folder: TempDir,
}

#[allow(clippy::disallowed_methods, reason = "the test owns the task and joins it")]
pub(crate) async fn run(config: Config) -> Running {
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    let bus: SharedBus = Arc::new(EmbeddedBus::open(folder.path()).unwrap());
    streams::ensure_all(bus.as_ref(), 1).await.unwrap();
    let kit = Kit {
        log: IncidentLog::new(bus.clone()),
        bus,
        clock: Clock::scaled(Clock::system().now(), 200.0),
        drain: CancellationToken::new(),
        cluster: ClusterAccess {
            name: cluster(),
            client: None,
            prometheus: None,
            loki: None,
            mode: Mode::Standard,
            http: paramedic_runtime::http::client().unwrap(),
        },
    };
    let (log, clock, drain) = (kit.log.clone(), kit.clock.clone(), kit.drain.clone());
    let role = build(config, kit).await.unwrap();
    let work = tokio::spawn(tasks::run(role.tasks, drain.clone()));
    Running {
        log,
        clock,
        grpc: role.grpc,
        drain,
        work,
        _folder: folder,
    }
}

impl Running {
    pub(crate) async fn diagnosed(&self, recommendations: Value) -> IncidentId {
        let id = IncidentId::derive(&["test"]);
        let recommendations: Vec<Recommendation> = serde_json::from_value(recommendations).unwrap();
        let diagnosis = Diagnosis {
            category: Category::MemoryLeak,
            target: ObjectRef::new("apps/v1", "Deployment", Some("production"), "payment-service"),
            confidence: 0.78,
            summary: "leaks".into(),
            causal_chain: Vec::new(),
            factors: Vec::new(),
            evidence: Vec::new(),
            missing_sources: Vec::new(),
            recommendations,
            criteria: Vec::new(),
            engine: "test".into(),
        };
        let opened = Event::IncidentOpened {
            title: "t".into(),
            severity: Severity::Warning,
            alerts: Vec::new(),
            traceparent: None,
        };
        let reached = Event::DiagnosisReached {
            attempt: 1,
            diagnosis: Box::new(diagnosis),
        };
        self.append(&id, vec![opened, Event::AnalysisStarted { attempt: 1 }, reached]).await;
        id
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
