//! The bus goes away: what was answered with 2xx is on it when it is back, in its order, and nothing is lost (INV-01).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use paramedic_bus::{
    SharedBus,
    jetstream::{JetStreamBus, Options},
    streams,
};
use paramedic_testkit::{Backoff, eventually, servers::NatsServer};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    faults::flaky_bus,
    harness::{Answer, Gateway, PATH, Parts, TOKEN, alert, answer, clock, webhook},
};

/// Long enough for a restart of a server on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings(spool: &Path, max_bytes: u64) -> String {
    format!(
        "[gateway]\nappend_timeout_seconds = 1\n[gateway.spool]\npath = '{}'\nmax_bytes = {max_bytes}\n\
         [gateway.sources.alertmanager]\ntokens = ['{TOKEN}']\n[gateway.sources.quiet]\nkind = 'alertmanager'\ntokens = ['{TOKEN}']\n",
        spool.display()
    )
}

async fn start(bus: &SharedBus, parts: Parts, spool: &Path, max_bytes: u64) -> Gateway {
    Gateway::start_with(bus, &clock(), parts, &settings(spool, max_bytes), None).await
}

/// Group and fingerprints of every stored notification, in the order of the stream.
async fn stored(gateway: &Gateway) -> Vec<(String, Vec<String>)> {
    gateway
        .stored()
        .await
        .iter()
        .map(|stored| {
            let notification = paramedic_wire::decode_notification(&stored.payload).unwrap();
            let fingerprints = notification.alerts.into_iter().map(|alert| alert.fingerprint).collect();
            (notification.group_key, fingerprints)
        })
        .collect()
}

async fn post(gateway: &Gateway, group: &str, number: i64) -> Answer {
    gateway
        .post(webhook(group, &[alert(&format!("{group}-{number}"), "firing", number)]))
        .await
}

#[tokio::test]
async fn what_is_spooled_is_answered_and_nothing_overtakes_it() {
    let folder = TempDir::new().unwrap();
    let (bus, faults) = flaky_bus(&folder.path().join("bus")).await;
    let gateway = start(&bus, Parts::Forwarding, &folder.path().join("spool"), 1 << 20).await;
    assert_eq!(post(&gateway, "g", 0).await.body["spooled"], false);
    faults.down.store(true, Ordering::SeqCst);
    for number in 1..=20 {
        let answer = post(&gateway, "g", number).await;
        assert_eq!((answer.status, &answer.body["spooled"]), (200, &json!(true)), "{answer:?}");
    }
    faults.down.store(false, Ordering::SeqCst);
    for number in 21..=40 {
        assert_eq!(post(&gateway, "g", number).await.status, 200);
    }
    eventually!(stored(&gateway).await.len() == 41);
    let order: Vec<_> = stored(&gateway)
        .await
        .into_iter()
        .flat_map(|(_, fingerprints)| fingerprints)
        .collect();
    assert_eq!(order, (0..=40).map(|number| format!("g-{number}")).collect::<Vec<_>>());
    eventually!(post(&gateway, "g", 41).await.body["spooled"] == false);
}

#[tokio::test]
async fn a_full_spool_answers_503_and_still_has_room_for_the_other_source() {
    let folder = TempDir::new().unwrap();
    let (bus, faults) = flaky_bus(&folder.path().join("bus")).await;
    let gateway = start(&bus, Parts::Forwarding, &folder.path().join("spool"), 1 << 20).await;
    faults.down.store(true, Ordering::SeqCst);
    let mut kept = BTreeSet::new();
    let refused = loop {
        let number = kept.len();
        let mut large = alert(&format!("f{number}"), "firing", 0);
        large["annotations"] = (0..4).map(|n| (format!("a{n}"), json!("x".repeat(15_000)))).collect();
        let answer = gateway.post(webhook("g", &[large])).await;
        if answer.status != 200 {
            break answer;
        }
        kept.insert(format!("f{number}"));
    };
    assert_eq!(
        (refused.status, refused.header("retry-after"), refused.body["reason"].as_str()),
        (503, Some("5"), Some("spool_full")),
        "{refused:?}"
    );
    assert!(kept.len() > 5, "{}", kept.len());
    let quiet = gateway.request("POST", "/api/v1/alerts/quiet").bearer_auth(TOKEN);
    let quiet = quiet
        .header("content-type", "application/json")
        .body(webhook("q", &[alert("q", "firing", 0)]));
    assert_eq!(answer(quiet).await.status, 200);
    kept.insert("q".into());
    faults.down.store(false, Ordering::SeqCst);
    eventually!(stored(&gateway).await.len() == kept.len());
    let found: BTreeSet<_> = stored(&gateway)
        .await
        .into_iter()
        .flat_map(|(_, fingerprints)| fingerprints)
        .collect();
    assert_eq!(found, kept);
}

#[tokio::test]
async fn what_a_dead_gateway_left_is_forwarded_by_its_successor() {
    let folder = TempDir::new().unwrap();
    let (bus, faults) = flaky_bus(&folder.path().join("bus")).await;
    let spool = folder.path().join("spool");
    let doomed = start(&bus, Parts::Forwarding, &spool, 1 << 20).await;
    faults.down.store(true, Ordering::SeqCst);
    for number in 0..10 {
        assert_eq!(post(&doomed, "g", number).await.status, 200);
    }
    drop(doomed);
    faults.down.store(false, Ordering::SeqCst);
    let heir = start(&bus, Parts::Forwarding, &spool, 1 << 20).await;
    eventually!(stored(&heir).await.len() == 10);
}

/// A sender as Alertmanager is one: each notification again until it hears 2xx. Returns what it heard that for.
async fn send_all(url: String, client: reqwest::Client, group: String, stop: Arc<AtomicBool>, spooled: Arc<AtomicU32>) -> Vec<String> {
    let mut accepted = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let fingerprint = format!("{group}-{:06}", accepted.len());
        let body = webhook(&group, &[alert(&fingerprint, "firing", 0)]);
        let mut backoff = Backoff::new(PATIENCE);
        loop {
            let request = client
                .post(&url)
                .bearer_auth(TOKEN)
                .header("content-type", "application/json")
                .body(body.clone());
            if let Ok(answer) = request.send().await
                && answer.status().is_success()
            {
                let answer: serde_json::Value = answer.json().await.unwrap_or_default();
                spooled.fetch_add(u32::from(answer["spooled"] == true), Ordering::SeqCst);
                break;
            }
            assert!(backoff.pause().await, "{fingerprint} was never accepted");
        }
        accepted.push(fingerprint);
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_server_killed_under_load_loses_nothing_that_was_accepted() {
    let folder = TempDir::new().unwrap();
    let mut server = NatsServer::start().await.unwrap();
    let bus: SharedBus = Arc::new(JetStreamBus::connect(&server.url(), Options::default()).await.unwrap());
    streams::ensure_all(&*bus, 1).await.unwrap();
    let gateway = start(&bus, Parts::Forwarding, &folder.path().join("spool"), 64 << 20).await;
    let (stop, spooled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut senders = JoinSet::new();
    for group in 0..8 {
        let client = gateway.kit.cluster.http.clone();
        senders.spawn(send_all(
            format!("{}{PATH}", gateway.url),
            client,
            format!("g{group}"),
            stop.clone(),
            spooled.clone(),
        ));
    }
    for _ in 0..2 {
        let stored_before = gateway.stored().await.len();
        eventually!(within PATIENCE, gateway.stored().await.len() > stored_before + 50);
        server.kill9().unwrap();
        let before = spooled.load(Ordering::SeqCst);
        eventually!(within PATIENCE, spooled.load(Ordering::SeqCst) > before + 200);
        server.start_again().await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    let accepted: Vec<String> = senders.join_all().await.into_iter().flatten().collect();
    assert!(spooled.load(Ordering::SeqCst) >= 400);
    let missing = async || {
        let found: BTreeSet<String> = stored(&gateway)
            .await
            .into_iter()
            .flat_map(|(_, fingerprints)| fingerprints)
            .collect();
        accepted.iter().filter(|fingerprint| !found.contains(*fingerprint)).count()
    };
    eventually!(within PATIENCE, missing().await == 0, "{} of {} are missing", missing().await, accepted.len());
    // In the order of each sender, whatever was stored twice.
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (group, fingerprints) in stored(&gateway).await {
        for fingerprint in fingerprints.into_iter().filter(|fingerprint| seen.insert(fingerprint.clone())) {
            if let Some(before) = last.insert(group.clone(), fingerprint.clone()) {
                assert!(before < fingerprint, "{fingerprint} came after {before}");
            }
        }
    }
}

#[tokio::test]
async fn the_readiness_page_says_what_waits() {
    let folder = TempDir::new().unwrap();
    let (bus, faults) = flaky_bus(&folder.path().join("bus")).await;
    let mut gateway = start(&bus, Parts::IntakeOnly, &folder.path().join("spool"), 1 << 20).await;
    let standing = gateway.without_bus.take().unwrap();
    assert_eq!(standing(), Ok("the spool is empty".into()));
    faults.down.store(true, Ordering::SeqCst);
    assert_eq!(post(&gateway, "g", 0).await.status, 200);
    assert!(standing().unwrap().starts_with("1 notifications ("), "{:?}", standing());
    assert!(bus.ping().await.is_err());
}
