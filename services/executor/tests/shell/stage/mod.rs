//! A cluster, a bus and an executor in one process, and the events that other services would write.

pub(crate) mod faults;
pub(crate) mod hand;
pub(crate) mod recommended;
pub(crate) mod story;

use std::{sync::Arc, time::Duration};

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use paramedic_bus::{IncidentLog, SharedBus, embedded::EmbeddedBus, streams};
use paramedic_catalogue::{Action, Catalogue};
use paramedic_domain::{
    alert::{Alert, Severity},
    approval::{Channel, Decision},
    envelope::Envelope,
    event::{Direction, Event, WorkflowOutcome},
    id::{ClusterId, IncidentId},
    incident::Incident,
    invariant::check_log,
    plan::Plan,
    policy::Mode,
};
use paramedic_executor::{
    Config,
    shell::{calls::Outside, kubernetes::Cluster, prepare::Service, worker::Worker},
};
use paramedic_runtime::{Clock, ClusterAccess, Kit, tasks};
use paramedic_simulator::{
    api::Api,
    audit::{Audit, Entry},
    clock::SimClock,
    scenario::Scenario,
    server::Server,
    store::{Gvr, Store},
    world::World,
};
use serde_json::Value;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use self::hand::{Hand, Item};

const TOKEN: &str = "stage-token";
/// Simulated seconds per second.
const SPEED: f64 = 100.0;

pub(crate) struct Stage {
    pub(crate) kit: Kit,
    pub(crate) store: Store,
    pub(crate) config: Config,
    audit: Audit,
    pub(crate) server: Option<Server>,
    /// Alerts of the incident.
    pub(crate) alerts: Vec<Alert>,
    /// The incident that everything is about.
    pub(crate) incident_id: IncidentId,
    running: JoinSet<()>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// The cluster of the leaking payment service, with the clock running.
    pub(crate) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let scenario = Scenario::builtin("payment-oom").unwrap();
        #[allow(clippy::disallowed_methods, reason = "the stage's time begins now")]
        let origin = Timestamp::now();
        let before = origin - SignedDuration::try_from(scenario.warmup()).unwrap();
        let clock = SimClock::manual(before);
        let store = Store::new({
            let clock = clock.clone();
            move || clock.now()
        });
        let world = World::boot(&scenario, clock.clone(), store.clone()).unwrap();
        let audit = Audit::default();
        let api = Api {
            store: store.clone(),
            kubelets: world.clone(),
            usage: world.clone(),
            audit: audit.clone(),
            token: TOKEN.to_owned(),
            admission: scenario.admission,
        };
        let server = Server::start("127.0.0.1:0".parse().unwrap(), Arc::new(api), Router::new())
            .await
            .unwrap();
        clock.resume(SPEED);
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(world.run(stop.clone()));
        let folder = tempfile::tempdir().unwrap();
        let bus: SharedBus = Arc::new(EmbeddedBus::open(folder.path()).unwrap());
        streams::ensure_all(bus.as_ref(), 1).await.unwrap();
        let kit = Kit {
            people: paramedic_runtime::People::default(),
            log: IncidentLog::new(bus.clone()),
            bus,
            clock: Clock::scaled(origin, SPEED),
            drain: stop.clone(),
            cluster: ClusterAccess {
                name: "test".parse().unwrap(),
                client: Some(client(&format!("http://{}", server.address()))),
                prometheus: None,
                loki: None,
                jaeger: None,
                tempo: None,
                alertmanager: None,
                mode: Mode::Standard,
                policies: paramedic_runtime::Policies::default(),
                http: reqwest_client(),
            },
        };
        Self {
            kit,
            store,
            config: Config {
                retry_seconds: 1,
                ..Config::default()
            },
            audit,
            server: Some(server),
            alerts: Vec::new(),
            incident_id: "inc_stage".parse().unwrap(),
            running,
            stop,
            _folder: folder,
        }
    }

    /// Starts the whole role; aborting it is a death without a farewell.
    pub(crate) async fn run_executor(&mut self) -> AbortHandle {
        let role = paramedic_executor::build(self.config.clone(), self.kit.clone()).await.unwrap();
        let stop = self.stop.clone();
        self.running.spawn(async move {
            tasks::run(role.tasks, stop).await.unwrap();
        })
    }

    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(self.kit.cluster.client.clone().unwrap())
    }

    /// The incident begins.
    pub(crate) async fn open(&self) {
        let opened = Event::IncidentOpened {
            title: "OOMKilled payment-service".into(),
            severity: Severity::Warning,
            alerts: self.alerts.clone(),
            traceparent: None,
            request: None,
        };
        self.append(vec![opened]).await;
    }

    /// The actions of the program and those that the configuration registers.
    fn catalogue(&self) -> Catalogue {
        let registered = self.config.external_actions().unwrap();
        Catalogue::new(registered.into_iter().map(|action| Arc::new(action) as Arc<dyn Action>).collect()).unwrap()
    }

    pub(crate) fn service(&self) -> Service {
        Service {
            kit: self.kit.clone(),
            cluster: Some(self.cluster()),
            catalogue: self.catalogue(),
            outside: Outside::new(&self.config),
        }
    }

    /// A worker that is not fed by a consumer.
    pub(crate) async fn worker(&self, kit: &Kit, name: &str) -> Hand {
        let id = name.parse().unwrap();
        let cluster = Cluster::new(kit.cluster.client.clone().unwrap());
        let worker = Worker::open(kit.clone(), self.config.clone(), cluster, self.catalogue(), id)
            .await
            .unwrap();
        Hand { worker, kit: kit.clone() }
    }

    /// An attempt at a step of the plan, led to by what happened last.
    pub(crate) async fn item(&self, plan: &Plan, step: usize, direction: Direction, number: u32) -> Item {
        let (cluster, id) = self.name();
        let log = self.kit.log.read(&cluster, &id).await.unwrap();
        Item {
            event: log.last().unwrap().envelope.clone(),
            step: plan.steps[step].id.clone(),
            direction,
            number,
        }
    }

    pub(crate) fn name(&self) -> (ClusterId, IncidentId) {
        (self.kit.cluster.name.clone(), self.incident_id.clone())
    }

    pub(crate) async fn append(&self, events: Vec<Event>) -> Vec<Envelope> {
        let (cluster, id) = self.name();
        let mut appended = Vec::new();
        for event in events {
            // One at a time: whoever else appends meanwhile, this one is still to be appended.
            let decided = self
                .kit
                .log
                .decide(&cluster, &id, None, &self.kit.clock, |_, _| vec![event.clone()])
                .await
                .unwrap();
            appended.extend(decided.appended);
        }
        appended
    }

    pub(crate) async fn incident(&self) -> Incident {
        let (cluster, id) = self.name();
        self.kit.log.load(&cluster, &id).await.unwrap()
    }

    /// Asks every gate of the plan and approves it.
    pub(crate) async fn approve(&self) {
        self.ask().await;
        self.approve_asked().await;
    }

    pub(crate) async fn approve_asked(&self) {
        let incident = self.incident().await;
        let plan = incident.plan.unwrap();
        let granted = plan.gates.iter().map(|gate| Event::ApprovalGranted {
            plan: plan.id.clone(),
            decision: Decision {
                gate: gate.id.clone(),
                digest: gate.digest,
                by: "ada@example.com".into(),
                channel: Channel::Cli,
                reason: String::new(),
                right: "approver in shop".into(),
                behalf_of: String::new(),
                policy: None,
            },
        });
        self.append(granted.collect()).await;
    }

    pub(crate) async fn ask(&self) {
        let incident = self.incident().await;
        let plan = incident.plan.unwrap();
        let expires_at = self.kit.clock.now() + SignedDuration::from_hours(24);
        let asked = plan.gates.iter().map(|gate| Event::ApprovalRequested {
            plan: plan.id.clone(),
            gate: gate.id.clone(),
            expires_at,
        });
        self.append(asked.collect()).await;
    }

    /// Waits for the end of the workflow and checks every invariant of the log.
    pub(crate) async fn finished(&self) -> (WorkflowOutcome, Incident) {
        let ended = |incident: &Incident| incident.run.as_ref().and_then(|run| run.ended.clone());
        let mut waited = paramedic_testkit::Backoff::new(Duration::from_secs(60));
        while ended(&self.incident().await).is_none() {
            assert!(waited.pause().await, "the workflow did not end:\n{}", self.transcript().await);
        }
        let (cluster, id) = self.name();
        let log = self.kit.log.read(&cluster, &id).await.unwrap();
        assert_eq!(check_log(&log), []);
        let incident = self.incident().await;
        assert_eq!(incident.misfits, 0, "{}", self.transcript().await);
        (ended(&incident).unwrap().0, incident)
    }

    pub(crate) async fn transcript(&self) -> String {
        let (cluster, id) = self.name();
        let log = self.kit.log.read(&cluster, &id).await.unwrap();
        let line = |envelope: &Envelope| match &envelope.event {
            Event::PlanProposed { .. } | Event::DiagnosisReached { .. } => envelope.event.kind().to_owned(),
            event => format!("{event:?}"),
        };
        log.iter()
            .map(|recorded| format!("{} {}", recorded.envelope.time, line(&recorded.envelope)))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// What the executor changed in the cluster, by the server's own account.
    pub(crate) fn mutations(&self) -> Vec<Entry> {
        let mut entries = self.audit.entries();
        entries.retain(|entry| entry.is_mutation());
        entries
    }

    /// Paths of the successful patches and deletions.
    pub(crate) fn mutated(&self) -> Vec<String> {
        let short = |entry: Entry| format!("{} {}", entry.verb, entry.path.rsplit('/').next().unwrap_or_default());
        self.mutations().into_iter().map(short).collect()
    }

    pub(crate) fn deployment(&self) -> Value {
        self.store
            .get(&Gvr::new("apps", "v1", "deployments"), Some("production"), "payment-service")
            .unwrap()
    }

    /// Somebody else changes an object.
    pub(crate) fn somebody_changes(&self, gvr: &Gvr, name: &str, path: &str, value: Value) {
        self.store
            .update(gvr, Some("production"), name, &mut |object| {
                *object.pointer_mut(path).unwrap() = value.clone();
                Ok(())
            })
            .unwrap();
    }

    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
    }
}

/// A client of an API server at that address.
pub(crate) fn client(url: &str) -> kube::Client {
    let mut config = kube::Config::new(url.parse().unwrap());
    config.auth_info.token = Some(TOKEN.to_owned().into());
    kube::Client::try_from(config).unwrap()
}

fn reqwest_client() -> reqwest::Client {
    reqwest::Client::new()
}
