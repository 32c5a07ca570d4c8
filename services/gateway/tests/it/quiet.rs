//! What is kept quiet is said on the stream of alerts.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use paramedic_bus::{Append, SharedBus, Start, streams};
use paramedic_domain::{
    alert::{Priority, Severity},
    id::WindowId,
    maintenance::{Schedule, Window, WindowChange, WindowTold},
    silence::{Quiet, Silence},
    subject::Subject,
};
use paramedic_testkit::{
    eventually,
    servers::{Alertmanager, Labels, Webhook},
};
use tempfile::TempDir;

use crate::harness::{DEFAULT_SOURCE, Gateway, PATH, Parts, TOKEN, alert_of, bus, clock, cluster, gateway, webhook};

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

async fn say(gateway: &Gateway, subject: Subject, payload: Bytes) {
    let message = Append {
        subject: subject.to_string(),
        payload,
        ..Append::default()
    };
    gateway.kit.bus.append(streams::ALERTS, message).await.unwrap();
}

fn after(now: Timestamp, minutes: i64) -> Timestamp {
    now + SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn an_alert_in_a_window_opens_its_incident_once_the_window_is_over() {
    let (gateway, _folder) = gateway().await;
    let now = gateway.kit.clock.now();
    let window = Window {
        id: WindowId::derive(&["web"]),
        matchers: vec!["deployment=web".parse().unwrap()],
        schedule: Schedule::Once {
            from: now,
            until: after(now, 30),
        },
        reason: "a new version".into(),
        by: "ann".into(),
    };
    let told = WindowTold {
        told_at: now,
        change: WindowChange::Added { window },
    };
    say(
        &gateway,
        Subject::Window { cluster: cluster() },
        paramedic_wire::encode_window(&told),
    )
    .await;
    gateway.post(webhook("g1", &[alert_of("web", "a", "firing", 0)])).await;
    gateway.post(webhook("g2", &[alert_of("database", "b", "firing", 0)])).await;
    eventually!(gateway.incidents().await.len() == 1);
    assert!(gateway.incidents().await[0].alerts.contains_key("b"));

    gateway.kit.clock.advance(Duration::from_secs(1801));
    // Whoever reads the stream next sees what time it is.
    gateway.post(webhook("g3", &[alert_of("database", "b", "resolved", 0)])).await;
    eventually!(gateway.incidents().await.iter().any(|incident| incident.alerts.contains_key("a")));
    let incidents = gateway.incidents().await;
    let late = incidents.iter().find(|incident| incident.alerts.contains_key("a")).unwrap();
    assert_eq!((late.alerts["a"].starts_at, late.misfits), (gateway.kit.clock.now(), 0));
    gateway.stop().await;
}

#[tokio::test]
async fn an_open_incident_shows_which_of_its_alerts_are_silenced() {
    let (gateway, _folder) = gateway().await;
    let now = gateway.kit.clock.now();
    gateway.post(webhook("g1", &[alert_of("web", "a", "firing", 0)])).await;
    eventually!(gateway.incidents().await.len() == 1);
    let silence = Silence {
        matchers: vec!["deployment=web".parse().unwrap()],
        starts_at: now,
        ends_at: after(now, 30),
        by: "ann".into(),
        comment: "known".into(),
    };
    let quiet = |silences| Quiet {
        source: "alertmanager".into(),
        seen_at: now,
        silences,
        alerts: [].into(),
    };
    let subject = || Subject::Quiet { cluster: cluster() };
    say(
        &gateway,
        subject(),
        paramedic_wire::encode_quiet(&quiet([("s1".to_owned(), silence)].into())),
    )
    .await;
    eventually!(!gateway.incidents().await[0].suppressed.is_empty());
    assert_eq!(gateway.incidents().await[0].suppressed["a"].by, "silence s1 of ann: known");
    say(&gateway, subject(), paramedic_wire::encode_quiet(&quiet([].into()))).await;
    eventually!(gateway.incidents().await[0].suppressed.is_empty());
    let incident = gateway.incidents().await.remove(0);
    assert_eq!((incident.firing().count(), incident.misfits), (1, 0));
    gateway.stop().await;
}

#[tokio::test]
async fn rules_say_how_urgent_an_incident_is_and_scope_says_what_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let settings = format!(
        "{DEFAULT_SOURCE}[gateway.scope]\nexcluded_namespaces = ['kube-*']\n\
         [[gateway.triage.rules]]\nname = 'broken'\nwhen = 'alert.labels.alertname < 3'\npriority = 'P5'\n\
         [[gateway.triage.rules]]\nname = 'the shop'\nwhen = 'alert.namespace == \"shop\" && environment == \"production\"'\n\
         priority = 'P1'\nseverity = 'critical'\nteam = 'shop'\n[gateway.triage.severities]\ncritical = 'warning'\n"
    );
    let gateway = Gateway::start_with(&bus, &clock(), Parts::All, &settings, None).await;
    let mut production = alert_of("web", "a", "firing", 0);
    production["labels"]["environment"] = "production".into();
    let mut system = alert_of("dns", "c", "firing", 0);
    system["labels"]["namespace"] = "kube-system".into();
    gateway.post(webhook("g0", &[system])).await;
    gateway.post(webhook("g1", &[production])).await;
    gateway.post(webhook("g2", &[alert_of("database", "b", "firing", 0)])).await;
    let triaged = async |name: &str| {
        let incidents = gateway.incidents().await;
        incidents
            .into_iter()
            .find(|incident| incident.alerts.contains_key(name) && incident.priority.is_some())
    };
    eventually!(triaged("a").await.is_some() && triaged("b").await.is_some());
    let (urgent, usual) = (triaged("a").await.unwrap(), triaged("b").await.unwrap());
    assert_eq!((urgent.priority, urgent.severity), (Some(Priority::P1), Severity::Critical));
    assert_eq!((&*urgent.environment, &*urgent.team, urgent.misfits), ("production", "shop", 0));
    assert_eq!(
        (usual.priority, usual.severity, usual.misfits),
        (Some(Priority::P3), Severity::Warning, 0)
    );
    assert!(triaged("c").await.is_none());
    gateway.stop().await;
}
