//! Warning events of a simulated cluster become alerts.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use paramedic_bus::SharedBus;
use paramedic_domain::alert::{Alert, AlertStatus};
use paramedic_runtime::Clock;
use paramedic_simulator::{Options, Scenario, Simulator};
use paramedic_testkit::eventually;
use tempfile::TempDir;

use crate::harness::{DEFAULT_SOURCE, Gateway, Parts, bus};

/// A leader that died is replaced after 6 s, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Cluster {
    simulator: Simulator,
    client: Client,
    clock: Clock,
}

impl Cluster {
    async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let options = Options::new(Scenario::builtin("payment-oom").unwrap());
        let simulator = Simulator::start(options).await.unwrap();
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&simulator.kubeconfig()).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        let client = Client::try_from(config).unwrap();
        Self {
            clock: Clock::manual(simulator.epoch()),
            simulator,
            client,
        }
    }

    /// An event about a pod, as the kubelet would write it.
    async fn warn(&self, name: &str, reason: &str, pod: &str) {
        let now = Some(Time(self.clock.now()));
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name.into()),
                namespace: Some("default".into()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                kind: Some("Pod".into()),
                name: Some(pod.into()),
                namespace: Some("default".into()),
                ..ObjectReference::default()
            },
            reason: Some(reason.into()),
            message: Some(format!("{reason} of {pod}")),
            type_: Some("Warning".into()),
            count: Some(1),
            first_timestamp: now.clone(),
            last_timestamp: now,
            source: Some(EventSource::default()),
            ..Event::default()
        };
        let events = Api::<Event>::namespaced(self.client.clone(), "default");
        events.create(&PostParams::default(), &event).await.unwrap();
    }
}

async fn gateway(cluster: &Cluster, bus: &SharedBus) -> Gateway {
    let settings = format!("{DEFAULT_SOURCE}[gateway.kubernetes_events]\nenabled = true\nnamespaces = ['default']\nquiet_seconds = 600\n");
    Gateway::start_with(bus, &cluster.clock, Parts::All, &settings, Some(cluster.client.clone())).await
}

/// What was told about alerts of this name, in order.
async fn told(gateway: &Gateway, name: &str) -> Vec<Alert> {
    let stored = gateway.stored().await;
    let notifications = stored
        .iter()
        .filter_map(|message| paramedic_wire::decode_notification(&message.payload).ok());
    let of_events = notifications.filter(|notification| notification.source == "kubernetes-events");
    of_events
        .flat_map(|notification| notification.alerts)
        .filter(|alert| alert.name() == name)
        .collect()
}

#[tokio::test]
async fn repeated_events_of_a_workload_fire_and_end_when_it_is_quiet_whoever_leads() {
    let cluster = Cluster::start().await;
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let first = gateway(&cluster, &bus).await;
    cluster.warn("a.1", "FailedMount", "cart-7d9f8c6b5d-aaaaa").await;
    cluster.warn("a.2", "FailedMount", "cart-7d9f8c6b5d-bbbbb").await;
    cluster.warn("b.1", "Unhealthy", "db-0").await;
    cluster.warn("a.3", "FailedMount", "cart-7d9f8c6b5d-ccccc").await;
    eventually!(within PATIENCE, !told(&first, "FailedMount").await.is_empty());
    let alert = told(&first, "FailedMount").await.remove(0);
    assert_eq!(
        (alert.status, alert.label("workload"), alert.label("namespace")),
        (AlertStatus::Firing, "cart", "default")
    );
    assert!(told(&first, "Unhealthy").await.is_empty(), "one is not enough");

    // It dies without a word; another one takes over and sees the same events.
    drop(first);
    let second = gateway(&cluster, &bus).await;
    cluster.warn("c.1", "Evicted", "db-0").await;
    eventually!(within PATIENCE, !told(&second, "Evicted").await.is_empty());
    assert_eq!(told(&second, "FailedMount").await.len(), 1, "it is told already");

    cluster.clock.advance(Duration::from_secs(601));
    eventually!(within PATIENCE, told(&second, "FailedMount").await.len() == 2 && told(&second, "Evicted").await.len() == 2);
    let ended = told(&second, "FailedMount").await.remove(1);
    assert_eq!(
        (ended.status, &ended.fingerprint, ended.starts_at),
        (AlertStatus::Resolved, &alert.fingerprint, alert.starts_at)
    );
    second.stop().await;
    cluster.simulator.shutdown().await;
}
