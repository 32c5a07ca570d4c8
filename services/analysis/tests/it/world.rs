//! A simulated cluster, a bus, a role.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use paramedic_analysis::{Config, DEFAULTS, build, core::rules::RuleSet};
use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, streams};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Severity},
    event::Event,
    id::{ClusterId, IncidentId},
    incident::Incident,
    policy::Mode,
};
use paramedic_runtime::{Clock, ClusterAccess, Kit, tasks};
use paramedic_simulator::{Options, Scenario, Simulator};
use paramedic_testkit::Backoff;
use serde::Deserialize;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Simulated seconds per second of these tests.
pub(crate) const SPEED: f64 = 60.0;

#[derive(Deserialize)]
struct Defaults {
    analysis: Config,
}

pub(crate) fn config() -> Config {
    let defaults: Defaults = paramedic_runtime::config::load(&[DEFAULTS], None, HashMap::new(), &[]).unwrap();
    defaults.analysis.validate().unwrap();
    defaults.analysis
}

/// The rules that come with the product. They are compiled once for all that a test does.
pub(crate) fn rules() -> Arc<RuleSet> {
    static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::load(&[]).unwrap()));
    RULES.clone()
}

pub(crate) async fn simulate(scenario: &str) -> Simulator {
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut options = Options::new(Scenario::builtin(scenario).unwrap());
    options.speed = SPEED;
    Simulator::start(options).await.unwrap()
}

pub(crate) fn clock(simulator: &Simulator) -> Clock {
    Clock::scaled(simulator.epoch(), SPEED)
}

/// The way to a simulated cluster.
pub(crate) async fn access(simulator: &Simulator) -> ClusterAccess {
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&simulator.kubeconfig()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default())
        .await
        .unwrap();
    ClusterAccess {
        name: cluster(),
        client: Some(kube::Client::try_from(config).unwrap()),
        prometheus: Some(simulator.prometheus_url()),
        loki: Some(simulator.loki_url()),
        jaeger: Some(simulator.jaeger_url()),
        tempo: None,
        alertmanager: None,
        mode: Mode::Standard,
        policies: paramedic_runtime::Policies::default(),
        http: paramedic_runtime::http::client().unwrap(),
    }
}

pub(crate) fn cluster() -> ClusterId {
    "simulated".parse().unwrap()
}

pub(crate) fn alert(simulator: &Simulator, labels: &[(&str, &str)], description: &str) -> Alert {
    Alert {
        fingerprint: "f00d".into(),
        status: AlertStatus::Firing,
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        annotations: [("description".to_owned(), description.to_owned())].into(),
        starts_at: simulator.clock().now(),
        ends_at: None,
        generator_url: String::new(),
        group_key: "{}".into(),
    }
}

/// Waits until a pod of the namespace satisfies `fits`, and returns its name.
pub(crate) async fn pod(simulator: &Simulator, namespace: &str, fits: impl Fn(&serde_json::Value) -> bool) -> String {
    let pods = paramedic_simulator::store::Gvr::pods();
    let mut backoff = Backoff::new(paramedic_testkit::DEADLINE);
    loop {
        let (all, _) = simulator.store().list(&pods, Some(namespace));
        if let Some(pod) = all.iter().find(|pod| fits(pod)) {
            return pod["metadata"]["name"].as_str().unwrap().to_owned();
        }
        assert!(backoff.pause().await, "no such pod in {namespace}");
    }
}

/// The pod of a namespace that crashes again and again.
pub(crate) async fn crash_looping(simulator: &Simulator, namespace: &str) -> String {
    let waits = |pod: &serde_json::Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff";
    pod(simulator, namespace, waits).await
}

/// The alert about that pod of the cart.
pub(crate) async fn crashing(simulator: &Simulator) -> Vec<Alert> {
    let pod = crash_looping(simulator, "shop").await;
    let labels = [
        ("alertname", "KubePodCrashLooping"),
        ("namespace", "shop"),
        ("pod", &pod),
        ("container", "cart-api"),
    ];
    vec![alert(simulator, &labels, "")]
}

/// The role, running on a bus of its own.
pub(crate) struct Running {
    pub(crate) bus: SharedBus,
    pub(crate) log: IncidentLog,
    pub(crate) clock: Clock,
    drain: CancellationToken,
    work: tokio::task::JoinHandle<anyhow::Result<()>>,
    _folder: TempDir,
}

#[allow(clippy::disallowed_methods, reason = "the test owns the task and joins it")]
pub(crate) async fn run(config: Config, clock: Clock, cluster: ClusterAccess) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let bus: SharedBus = Arc::new(EmbeddedBus::open(folder.path()).unwrap());
    streams::ensure_all(bus.as_ref(), 1).await.unwrap();
    let kit = Kit {
        people: paramedic_runtime::People::default(),
        log: IncidentLog::new(bus.clone()),
        bus: bus.clone(),
        clock: clock.clone(),
        drain: CancellationToken::new(),
        cluster,
    };
    let (log, drain) = (kit.log.clone(), kit.drain.clone());
    let role = build(config, kit).await.unwrap();
    let work = tokio::spawn(tasks::run(role.tasks, drain.clone()));
    Running {
        bus,
        log,
        clock,
        drain,
        work,
        _folder: folder,
    }
}

impl Running {
    /// Opens an incident.
    pub(crate) async fn open(&self, alerts: Vec<Alert>) -> IncidentId {
        let id = IncidentId::derive(&["test"]);
        let opened = |incident: &Incident, _| {
            if incident.version > 0 {
                return Vec::new();
            }
            vec![Event::IncidentOpened {
                title: "test".into(),
                severity: Severity::Warning,
                alerts: alerts.clone(),
                traceparent: None,
                request: None,
            }]
        };
        self.log.decide(&cluster(), &id, None, &self.clock, opened).await.unwrap();
        id
    }

    /// Appends events as another service would.
    pub(crate) async fn append(&self, id: &IncidentId, events: Vec<Event>) {
        let before = self.log.load(&cluster(), id).await.unwrap().version;
        let decide = |incident: &Incident, _| {
            let done = usize::try_from(incident.version - before).unwrap();
            events.get(done..).unwrap_or_default().to_vec()
        };
        self.log.decide(&cluster(), id, None, &self.clock, decide).await.unwrap();
    }

    /// Waits until the incident satisfies `fits`.
    pub(crate) async fn until(&self, id: &IncidentId, fits: impl Fn(&Incident) -> bool) -> Incident {
        let mut backoff = Backoff::new(paramedic_testkit::DEADLINE);
        loop {
            let incident = self.log.load(&cluster(), id).await.unwrap();
            if fits(&incident) {
                return incident;
            }
            if !backoff.pause().await {
                let log = self.log.read(&cluster(), id).await.unwrap();
                let events: Vec<_> = log.iter().map(|recorded| format!("{:?}", recorded.envelope.event)).collect();
                panic!("still {:?}:\n{}", incident.status(), events.join("\n"));
            }
        }
    }

    pub(crate) async fn stop(self) {
        self.drain.cancel();
        self.work.await.unwrap().unwrap();
    }
}
