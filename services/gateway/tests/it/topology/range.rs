//! A simulated cluster, a bus, and replicas that watch.

use std::collections::HashMap;

use axum::{Json, Router, extract::Query, routing::get};
use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use paramedic_bus::{IncidentLog, SharedBus, Start, streams, topologies::Topologies};
use paramedic_domain::policy::Mode;
use paramedic_gateway::core::topology::{Entity, Relation, Snapshot};
use paramedic_runtime::{Clock, ClusterAccess, Kit};
use paramedic_simulator::{Options, Scenario, Simulator};
use paramedic_testkit::Backoff;
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use crate::harness::{cluster, config};

/// Simulated seconds per second.
const SPEED: f64 = 10.0;

pub(super) struct Range {
    pub(super) simulator: Simulator,
    pub(super) gate: Gate,
    pub(super) bus: SharedBus,
    _folder: TempDir,
}

/// A replica that watches. Dropping it kills it where it stands.
pub(super) struct Replica {
    _tasks: JoinSet<()>,
}

impl Range {
    /// A scenario whose API server forbids paths with one of these ends.
    pub(super) async fn start(scenario: &str, forbidden: &[&'static str]) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut options = Options::new(Scenario::builtin(scenario).unwrap());
        options.speed = SPEED;
        let simulator = Simulator::start(options).await.unwrap();
        let gate = Gate::open(&simulator.url(), forbidden).await;
        let folder = TempDir::new().unwrap();
        let bus = crate::harness::bus(folder.path()).await;
        Self {
            simulator,
            gate,
            bus,
            _folder: folder,
        }
    }

    async fn client(&self, url: &str) -> Client {
        let text = self.simulator.kubeconfig().replace(&self.simulator.url(), url);
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&text).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        config.default_retry = false;
        Client::try_from(config).unwrap()
    }

    /// A replica with these settings besides a short pause between snapshots.
    pub(super) async fn replica(&self, settings: &str) -> Replica {
        self.replica_with(settings, &self.simulator.prometheus_url()).await
    }

    /// A replica that asks another Prometheus.
    pub(super) async fn replica_with(&self, settings: &str, prometheus: &str) -> Replica {
        let text = format!(
            "[gateway.sources.alertmanager]\nanonymous = true\n[gateway.topology]\nenabled = true\ndebounce_seconds = 1\npods_seconds = 2\n{settings}"
        );
        let kit = Kit {
            people: paramedic_runtime::People::default(),
            bus: self.bus.clone(),
            log: IncidentLog::new(self.bus.clone()),
            clock: Clock::system(),
            drain: CancellationToken::new(),
            cluster: ClusterAccess {
                name: cluster(),
                client: Some(self.client(&self.gate.url).await),
                prometheus: Some(prometheus.to_owned()),
                loki: None,
                jaeger: None,
                tempo: None,
                alertmanager: None,
                mode: Mode::Standard,
                policies: paramedic_runtime::Policies::default(),
                http: paramedic_runtime::http::client().unwrap(),
            },
        };
        let role = paramedic_gateway::build(config(&text), kit).await.unwrap();
        let mut tasks = JoinSet::new();
        for task in role.tasks.into_iter().filter(|task| task.name == "gateway/topology") {
            tasks.spawn(async move { task.work.await.unwrap() });
        }
        Replica { _tasks: tasks }
    }

    /// Every topology that was announced, in order.
    pub(super) async fn announced(&self) -> Vec<Snapshot> {
        let topologies = Topologies::open(&self.bus).await.unwrap();
        let stored = self
            .bus
            .replay(streams::ALERTS, "paramedic.alert.prod.topology", Start::Beginning)
            .await
            .unwrap();
        let mut all = Vec::new();
        for message in stored {
            let taken = paramedic_wire::decode_topology(&message.payload).unwrap();
            let snapshot = Snapshot::load(&topologies.content(&taken).await.unwrap().unwrap()).unwrap();
            assert_eq!(snapshot.digest(), taken.digest);
            assert_eq!(taken.edges as usize, snapshot.topology.edges.len());
            all.push(snapshot);
        }
        all
    }

    /// Waits until the last announced topology is as wanted, and returns it.
    pub(super) async fn until(&self, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let topologies = Topologies::open(&self.bus).await.unwrap();
        let mut backoff = Backoff::new(std::time::Duration::from_secs(60));
        loop {
            #[expect(clippy::disallowed_methods, reason = "the bus stamps by the wall's clock")]
            let last = topologies.last(&cluster(), Timestamp::now()).await.unwrap();
            if let Some(last) = last {
                let snapshot = Snapshot::load(&topologies.content(&last.taken).await.unwrap().unwrap()).unwrap();
                if wanted(&snapshot) {
                    return snapshot;
                }
            }
            assert!(
                backoff.pause().await,
                "no such topology was announced: {:#?}",
                self.announced().await.last()
            );
        }
    }

    /// Moves the first pod of a workload off its node, and says which node that was.
    pub(super) async fn move_pod(&self, namespace: &str, app: &str) -> String {
        let client = self.client(&self.simulator.url()).await;
        let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), namespace);
        let listed = pods.list(&ListParams::default().labels(&format!("app={app}"))).await.unwrap();
        let pod = &listed.items[0];
        let node = pod.spec.as_ref().unwrap().node_name.clone().unwrap();
        let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(client);
        let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
        nodes.patch(&node, &PatchParams::default(), &cordon).await.unwrap();
        pods.delete(pod.metadata.name.as_ref().unwrap(), &DeleteParams::default())
            .await
            .unwrap();
        node
    }
}

/// A Prometheus in which the recommendations were measured to call the shipping, through a mesh. Dropping it stops it.
pub(super) struct Mesh {
    pub(super) url: String,
    _serving: JoinSet<()>,
}

impl Mesh {
    pub(super) async fn start() -> Self {
        let query = async |Query(parameters): Query<HashMap<String, String>>| {
            let series = json!({"value": [1_800_000_000, "12"], "metric": {
                "source_workload": "recommendations", "source_workload_namespace": "shop",
                "destination_service_name": "shipping", "destination_service_namespace": "fulfilment",
            }});
            let found: Vec<_> = parameters["query"]
                .contains("istio_requests_total")
                .then_some(series)
                .into_iter()
                .collect();
            Json(json!({"status": "success", "data": {"resultType": "vector", "result": found}}))
        };
        let rules = async || {
            let rule = json!({"type": "alerting", "name": "HighErrorRate", "duration": 120});
            Json(json!({"status": "success", "data": {"groups": [{"rules": [rule]}]}}))
        };
        let router = Router::new().route("/api/v1/query", get(query)).route("/api/v1/rules", get(rules));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, _serving: serving }
    }
}

pub(super) fn entity(text: &str) -> Entity {
    text.parse().unwrap()
}

/// Whether there is such a dependency.
pub(super) fn has(snapshot: &Snapshot, from: &str, relation: Relation, to: &str) -> bool {
    let (from, to) = (entity(from), entity(to));
    let edges = &snapshot.topology.edges;
    edges
        .iter()
        .any(|edge| edge.from == from && edge.relation == relation && edge.to == to)
}

/// The nodes on which pods of a Deployment run, once for each pod.
pub(super) fn nodes(snapshot: &Snapshot, namespace: &str, deployment: &str) -> Vec<String> {
    let edges = &snapshot.topology.edges;
    let parts = |whole: &Entity| -> Vec<Entity> {
        let owned = edges.iter().filter(|edge| edge.relation == Relation::Owns && edge.from == *whole);
        owned.map(|edge| edge.to.clone()).collect()
    };
    let pods: Vec<Entity> = parts(&Entity::in_namespace("Deployment", namespace, deployment))
        .iter()
        .flat_map(parts)
        .collect();
    let runs = edges
        .iter()
        .filter(|edge| edge.relation == Relation::RunsOn && pods.contains(&edge.from));
    runs.map(|edge| edge.to.name.clone()).collect()
}
