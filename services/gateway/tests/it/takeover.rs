//! Another replica goes on where the first one died; people have the last word.

use std::collections::BTreeMap;

use paramedic_bus::{Append, Start, streams};
use paramedic_domain::{
    correlation::{Correction, Notice, Told},
    incident::Status,
    subject::Subject,
};
use paramedic_gateway::core::{
    partition::{Change, Partition},
    scope::Scope,
};
use paramedic_testkit::eventually;
use tempfile::TempDir;

use crate::harness::{Gateway, Parts, alert_of, bus, clock, cluster, gateway, webhook};

const WORKLOADS: [&str; 4] = ["web", "database", "queue", "mail"];

async fn post(gateway: &Gateway, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let workload = WORKLOADS[n % WORKLOADS.len()];
        let body = webhook(&format!("g{n}"), &[alert_of(workload, &format!("f{n:02}"), "firing", 0)]);
        assert_eq!(gateway.post(body).await.status, 200);
    }
}

async fn members(gateway: &Gateway) -> BTreeMap<String, Vec<String>> {
    let incidents = gateway.incidents().await.into_iter();
    incidents
        .map(|incident| (incident.id.to_string(), incident.alerts.into_keys().collect()))
        .collect()
}

/// What a correlator that reads the whole stream from its beginning decides.
async fn replayed(gateway: &Gateway) -> BTreeMap<String, Vec<String>> {
    let stored = gateway
        .kit
        .bus
        .replay(streams::ALERTS, "paramedic.alert.>", Start::Beginning)
        .await
        .unwrap();
    let all = ["*".to_owned()];
    let scope = Scope::new("cluster", &all, &all, &[]).unwrap();
    let mut partition = Partition::new(cluster(), std::time::Duration::from_secs(900), scope);
    let mut incidents: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in stored {
        let outcome = if message.subject.ends_with(".notification") {
            partition.notified(&paramedic_wire::decode_notification(&message.payload).unwrap(), message.seq)
        } else {
            partition.told(&paramedic_wire::decode_told(&message.payload).unwrap(), message.seq)
        };
        for effect in outcome.effects {
            if let Change::Open(alert) | Change::Join { alert, .. } = effect.change {
                incidents.entry(effect.incident.to_string()).or_default().push(alert.fingerprint);
            }
        }
    }
    incidents.values_mut().for_each(|alerts| alerts.sort());
    incidents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_goes_on_as_the_first_one_would_have() {
    let folder = TempDir::new().unwrap();
    let (bus, clock) = (bus(folder.path()).await, clock());
    let first = Gateway::start(&bus, &clock, Parts::All).await;
    post(&first, 0..10).await;
    eventually!(members(&first).await.values().map(Vec::len).sum::<usize>() == 10);
    // It dies without a word: what it was about to lead is led by another one after a while.
    drop(first);
    let second = Gateway::start(&bus, &clock, Parts::All).await;
    post(&second, 10..24).await;
    eventually!(within std::time::Duration::from_secs(60), members(&second).await.values().map(Vec::len).sum::<usize>() == 24);
    let written = members(&second).await;
    assert_eq!(written.len(), WORKLOADS.len());
    assert_eq!(written, replayed(&second).await);
    assert!(second.incidents().await.iter().all(|incident| incident.misfits == 0));
    second.stop().await;
}

#[tokio::test]
async fn what_a_person_says_belongs_together_becomes_one_incident() {
    let (gateway, _folder) = gateway().await;
    post(&gateway, 0..2).await;
    eventually!(gateway.incidents().await.len() == 2);
    let incidents = gateway.incidents().await;
    let told = Told {
        cluster: cluster(),
        at: gateway.kit.clock.now(),
        notice: Notice::Corrected {
            correction: Correction::Merge {
                from: incidents[1].id.clone(),
                into: incidents[0].id.clone(),
            },
            by: "ann".into(),
        },
    };
    let message = Append {
        subject: Subject::Told { cluster: cluster() }.to_string(),
        payload: paramedic_wire::encode_told(&told),
        ..Append::default()
    };
    gateway.kit.bus.append(streams::ALERTS, message).await.unwrap();
    eventually!(gateway.incidents().await[1].status() == Status::Merged);
    let into = gateway.incidents().await.remove(0);
    assert_eq!(into.alerts.keys().collect::<Vec<_>>(), ["f00", "f01"]);
    // Whichever of the two is listed second is the one that moves.
    let moved = incidents[1].alerts.keys().next().unwrap();
    assert!(into.members[moved].reason.contains("ann says so"), "{:?}", into.members);
}
