//! What is kept quiet is said on the stream of alerts.

use std::time::Duration;

use paramedic_bus::{SharedBus, Start, streams};
use paramedic_domain::{
    maintenance::{WindowChange, WindowTold},
    silence::Quiet,
    subject::Subject,
};
use paramedic_testkit::{
    eventually,
    servers::{Alertmanager, Labels, Webhook},
};
use tempfile::TempDir;

use crate::harness::{DEFAULT_SOURCE, Gateway, PATH, Parts, TOKEN, bus, clock, cluster};

/// Alertmanager's own pace, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn told(bus: &SharedBus) -> Vec<WindowTold> {
    let subject = Subject::Window { cluster: cluster() }.to_string();
    let stored = bus.replay(streams::ALERTS, &subject, Start::Beginning).await.unwrap();
    let told = stored
        .iter()
        .map(|message| paramedic_wire::decode_window(&message.payload).unwrap());
    told.collect()
}

async fn quiet(bus: &SharedBus) -> Option<Quiet> {
    let subject = Subject::Quiet { cluster: cluster() }.to_string();
    let stored = bus.replay(streams::ALERTS, &subject, Start::Beginning).await.unwrap();
    stored.last().map(|message| paramedic_wire::decode_quiet(&message.payload).unwrap())
}

fn labels(name: &str, inhibits: &str) -> Labels {
    [("alertname", name), ("namespace", "shop"), ("inhibits", inhibits)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

#[tokio::test]
async fn configured_windows_are_declared_once_by_all_replicas_and_again_when_they_change() {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let settings = |name: &str| {
        format!(
            "{DEFAULT_SOURCE}[[gateway.maintenance]]\nname = '{name}'\nmatchers = ['namespace=shop']\n\
             from = '2026-03-02T10:00:00Z'\nuntil = '2026-03-02T12:00:00Z'\n"
        )
    };
    let first = Gateway::start_with(&bus, &clock(), Parts::All, &settings("disks"), None).await;
    let second = Gateway::start_with(&bus, &clock(), Parts::All, &settings("disks"), None).await;
    eventually!(told(&bus).await.len() == 1);
    first.stop().await;
    second.stop().await;
    let changed = Gateway::start_with(&bus, &clock(), Parts::All, &settings("network"), None).await;
    eventually!(told(&bus).await.len() == 2);
    changed.stop().await;
    let none = Gateway::start_with(&bus, &clock(), Parts::All, DEFAULT_SOURCE, None).await;
    eventually!(told(&bus).await.len() == 3);
    none.stop().await;
    let reasons: Vec<Vec<String>> = told(&bus)
        .await
        .into_iter()
        .map(|told| match told.change {
            WindowChange::Configured { windows } => windows.into_iter().map(|window| window.reason).collect(),
            other @ (WindowChange::Added { .. } | WindowChange::Ended { .. }) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reasons, [vec!["disks".to_owned()], vec!["network".to_owned()], vec![]]);
}

#[tokio::test]
async fn silences_and_inhibitions_of_a_real_alertmanager_are_said_when_they_change() {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let webhook = Webhook {
        url: format!("http://127.0.0.1:9{PATH}"),
        bearer_token: TOKEN.into(),
        group_by: vec!["alertname".into()],
        max_alerts: 0,
    };
    let alertmanager = Alertmanager::start(&webhook).await.unwrap();
    let settings = format!(
        "[gateway.sources.alertmanager]\ntokens = ['{TOKEN}']\nalertmanager_url = '{}'\n[gateway.silences]\npoll_seconds = 1\n",
        alertmanager.url()
    );
    let gateway = Gateway::start_with(&bus, &clock(), Parts::All, &settings, None).await;
    eventually!(within PATIENCE, quiet(&bus).await.is_some_and(|quiet| quiet.silences.is_empty() && quiet.alerts.is_empty()));

    let id = alertmanager
        .silence("alertname", "DiskFull", "ann", "it is being replaced")
        .await
        .unwrap();
    eventually!(within PATIENCE, quiet(&bus).await.is_some_and(|quiet| quiet.silences.contains_key(&id)));
    let silence = quiet(&bus).await.unwrap().silences.remove(&id).unwrap();
    assert_eq!((silence.by.as_str(), silence.comment.as_str()), ("ann", "it is being replaced"));
    assert_eq!(silence.matchers, ["alertname=DiskFull".parse().unwrap()]);

    alertmanager.fire(&labels("NodeDown", "yes"), &Labels::new()).await.unwrap();
    alertmanager.fire(&labels("PodDown", "no"), &Labels::new()).await.unwrap();
    eventually!(within PATIENCE, quiet(&bus).await.is_some_and(|quiet| quiet.alerts.len() == 1));
    let muted = quiet(&bus).await.unwrap().alerts;
    assert_eq!(muted.values().map(|muted| muted.inhibited_by.len()).collect::<Vec<_>>(), [1]);

    alertmanager.expire(&id).await.unwrap();
    alertmanager.resolve(&labels("NodeDown", "yes"), &Labels::new()).await.unwrap();
    eventually!(within PATIENCE, quiet(&bus).await.is_some_and(|quiet| quiet.silences.is_empty() && quiet.alerts.is_empty()));
    gateway.stop().await;
}
