//! Alerts by the thousand while everything around them fails: what was accepted is in the stream (INV-01), every firing is in exactly one
//! incident (INV-02), and the logs are whole (INV-03).
//!
//! Two gateways, each a process of its own with a spool of its own, on one nats-server that is a process, too.
//!
//! - `sender`: who posts, as Alertmanager does
//! - `trouble`: what fails
//! - `judge`: what must hold

mod judge;
mod sender;
mod trouble;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use paramedic_bus::{
    SharedBus,
    jetstream::{JetStreamBus, Options},
};
use paramedic_testkit::{Backoff, servers::NatsServer};
use paramedic_tests::{Product, ProductOptions, Range, TOKEN};
use tokio::task::JoinSet;

use self::{
    judge::Verdict,
    sender::{Sender, Tally},
    trouble::Trouble,
};

/// Alerts in one run of the test, for CI; `PARAMEDIC_FAULT_ALERTS` overrides it.
const ALERTS: u64 = 20_000;
/// How much faster than the wall clock it goes, so that the correlator's hour passes.
const SPEED: f64 = 4.0;
/// The sources, and by how much their clocks are wrong.
const SOURCES: [(&str, SignedDuration); 2] = [("alertmanager", SignedDuration::ZERO), ("hasty", SignedDuration::from_mins(5))];
/// Senders of each source, each with its groups.
const SENDERS: usize = 6;
/// Bytes of the spool of each gateway: full within seconds.
const SPOOL: u64 = 4 << 20;
/// How long what was accepted may take to arrive everywhere after the last fault, at least.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two gateways on a bus.
pub(crate) struct Stage {
    nats: NatsServer,
    gateways: Vec<Product>,
    range: Range,
}

impl Stage {
    async fn start() -> Self {
        let nats = NatsServer::start().await.unwrap();
        let range = Range::start("payment-oom", SPEED).await.unwrap();
        let mut options = ProductOptions::default()
            .with("PARAMEDIC_GATEWAY__APPEND_TIMEOUT_SECONDS", "1")
            .with("PARAMEDIC_GATEWAY__SPOOL__MAX_BYTES", SPOOL.to_string())
            .with("RUST_LOG", "warn");
        for (source, _) in SOURCES {
            let name = source.to_uppercase();
            options = options
                .with(&format!("PARAMEDIC_GATEWAY__SOURCES__{name}__TOKENS"), TOKEN)
                .with(&format!("PARAMEDIC_GATEWAY__SOURCES__{name}__KIND"), "alertmanager");
        }
        let mut gateways = Vec::new();
        for _ in 0..2 {
            gateways.push(Product::start("gateway", &range, &nats.url(), &options).await.unwrap());
        }
        Self { nats, gateways, range }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_loses_doubles_or_misplaces_an_alert_that_was_accepted() {
    let wanted = std::env::var("PARAMEDIC_FAULT_ALERTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ALERTS);
    let mut stage = Stage::start().await;
    let began = Instant::now();
    let (accepted, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut senders = JoinSet::new();
    for (source, skew) in SOURCES {
        for number in 0..SENDERS {
            let urls: Vec<String> = stage
                .gateways
                .iter()
                .map(|gateway| format!("{}/api/v1/alerts/{source}", gateway.http()))
                .collect();
            let sender = Sender::new(source, number, skew, stage.range.epoch(), urls);
            senders.spawn(sender.run(accepted.clone(), stop.clone()));
        }
    }
    let rounds = Trouble::rounds(wanted);
    let mut troubles = BTreeMap::new();
    for round in 0..rounds {
        for trouble in Trouble::ALL {
            let due = wanted * (round * Trouble::ALL.len() as u64 + trouble as u64 + 1) / (rounds * Trouble::ALL.len() as u64 + 1);
            wait(&accepted, due, began).await;
            trouble.strike(&mut stage, &accepted).await;
            *troubles.entry(trouble.name()).or_insert(0) += 1;
        }
    }
    wait(&accepted, wanted, began).await;
    stop.store(true, Ordering::SeqCst);
    let tallies: Vec<Tally> = senders.join_all().await;
    let sent = began.elapsed();

    let bus: SharedBus = Arc::new(JetStreamBus::connect(&stage.nats.url(), Options::default()).await.unwrap());
    let end = judge::end_of_stream(&bus, &stage).await;
    let mut backoff = Backoff::new(PATIENCE.max(2 * sent));
    while judge::correlated_to(&bus).await < end {
        assert!(
            backoff.pause().await,
            "correlation stands at {} of {end}",
            judge::correlated_to(&bus).await
        );
    }
    let verdict = judge::judge(&bus, &tallies, end).await;
    report(&tallies, &troubles, &verdict, sent, began.elapsed());
    assert!(
        verdict.violations.is_empty(),
        "{:#?}",
        &verdict.violations[..verdict.violations.len().min(40)]
    );
}

/// Waits until so many alerts are accepted.
async fn wait(accepted: &AtomicU64, due: u64, began: Instant) {
    let (mut last, mut backoff) = (0, Backoff::new(PATIENCE));
    while accepted.load(Ordering::SeqCst) < due {
        let now = accepted.load(Ordering::SeqCst);
        if now > last {
            (last, backoff) = (now, Backoff::new(PATIENCE));
        }
        assert!(
            backoff.pause().await,
            "no alert was accepted for {PATIENCE:?}; {now} were in {:?}",
            began.elapsed()
        );
    }
}

#[expect(clippy::print_stdout, reason = "the figures of a campaign are for people")]
fn report(tallies: &[Tally], troubles: &BTreeMap<&str, u32>, verdict: &Verdict, sent: Duration, whole: Duration) {
    let sum = |count: fn(&Tally) -> u64| tallies.iter().map(count).sum::<u64>();
    let struck: Vec<String> = troubles.iter().map(|(name, count)| format!("{count} x {name}")).collect();
    println!("campaign: faults: {}", struck.join(", "));
    println!(
        "campaign: accepted {} alerts in {} webhooks ({} of them spooled first), {} tries refused with 503, {} without an answer, {} told twice on purpose; {:.0} s",
        sum(|tally| tally.alerts),
        sum(|tally| tally.webhooks.len() as u64),
        sum(|tally| tally.spooled),
        sum(|tally| tally.refused),
        sum(|tally| tally.unanswered),
        sum(|tally| tally.twice),
        sent.as_secs_f64()
    );
    println!(
        "campaign: stream: {} notifications with {} alerts; {} firings ({} overtaken by the next one of their alert) in {} incidents ({} merged into others), {} events; {:.0} s with the verdict",
        verdict.notifications,
        verdict.alerts,
        verdict.firings,
        verdict.outdated,
        verdict.incidents,
        verdict.merged,
        verdict.events,
        whole.as_secs_f64()
    );
    println!(
        "campaign: accepted and not in the stream: {}; in no incident: {}; in several: {}; wrong state: {}; damaged or doubled: {}",
        verdict.lost, verdict.nowhere, verdict.several, verdict.wrong, verdict.damaged
    );
}
