//! What fails.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use paramedic_testkit::Backoff;

use super::Stage;

/// How long something may take to happen.
const PATIENCE: Duration = Duration::from_secs(120);
/// Alerts in one of a run's rounds, each of which has every fault once.
const ROUND: u64 = 200_000;
/// A leader that is suspended for so long has lost its office (six seconds), and does not know it.
const SUSPENDED: Duration = Duration::from_secs(9);
/// How long the disk is slow, in turns of which it works in a tenth.
const SLOW: (Duration, Duration, Duration) = (Duration::from_secs(6), Duration::from_millis(450), Duration::from_millis(50));
/// Alerts that a bus without spools would have refused: then the spools are full.
const FILLING: u64 = 12_000;

/// One fault.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// nats-server killed under load, and away until spools are full.
    Bus,
    /// The gateway that correlates killed under load.
    Leader,
    /// The other gateway killed under load.
    Follower,
    /// The bus acknowledges nothing for half a second, again and again, as with a disk that takes so long for each write.
    Disk,
    /// The gateway that correlates is suspended until another one does, and goes on: two believe in themselves.
    Overlap,
}

impl Trouble {
    pub(crate) const ALL: [Self; 5] = [Self::Bus, Self::Leader, Self::Disk, Self::Overlap, Self::Follower];

    pub(crate) fn rounds(alerts: u64) -> u64 {
        (alerts / ROUND).max(1)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bus => "nats-server killed until the spools were full",
            Self::Leader => "correlating gateway killed",
            Self::Follower => "other gateway killed",
            Self::Disk => "slow disk",
            Self::Overlap => "two correlators at once",
        }
    }

    pub(crate) async fn strike(self, stage: &mut Stage, accepted: &AtomicU64) {
        match self {
            Self::Bus => {
                stage.nats.kill9().unwrap();
                // Either the spools are full, or they have taken what fills them.
                let before = accepted.load(Ordering::SeqCst);
                let mut backoff = Backoff::new(PATIENCE);
                while accepted.load(Ordering::SeqCst) < before + FILLING && !full(stage).await {
                    assert!(backoff.pause().await, "the spools do not fill");
                }
                stage.nats.start_again().await.unwrap();
            }
            Self::Leader => {
                let leader = leader(stage).await;
                restart(stage, leader).await;
            }
            Self::Follower => {
                let leader = leader(stage).await;
                restart(stage, 1 - leader).await;
            }
            Self::Disk => {
                let (whole, stopped, running) = SLOW;
                let began = Instant::now();
                while began.elapsed() < whole {
                    stage.nats.suspend().unwrap();
                    tokio::time::sleep(stopped).await;
                    stage.nats.resume().unwrap();
                    tokio::time::sleep(running).await;
                }
            }
            Self::Overlap => {
                let first = leader(stage).await;
                stage.gateways[first].suspend().unwrap();
                let began = Instant::now();
                let mut backoff = Backoff::new(PATIENCE);
                while !leads(stage, 1 - first).await || began.elapsed() < SUSPENDED {
                    assert!(backoff.pause().await, "nobody took over");
                }
                stage.gateways[first].resume().unwrap();
            }
        }
    }
}

async fn restart(stage: &mut Stage, number: usize) {
    stage.gateways[number].kill9().unwrap();
    stage.gateways[number].start_again(&[]).await.unwrap();
}

/// Whether every gateway refuses for want of room in its spool.
async fn full(stage: &Stage) -> bool {
    let mut all = true;
    for number in 0..stage.gateways.len() {
        let refused = metric(stage, number, "paramedic_gateway_rejected_total", "spool_full").await;
        all &= refused.is_some_and(|count| count > 0.0);
    }
    all
}

async fn leads(stage: &Stage, number: usize) -> bool {
    metric(stage, number, "paramedic_gateway_leading", "").await == Some(1.0)
}

/// The gateway that correlates.
async fn leader(stage: &Stage) -> usize {
    let mut backoff = Backoff::new(PATIENCE);
    loop {
        for number in 0..stage.gateways.len() {
            if leads(stage, number).await {
                return number;
            }
        }
        assert!(backoff.pause().await, "no gateway correlates");
    }
}

/// The sum of a metric's series with this word among their labels.
async fn metric(stage: &Stage, number: usize, name: &str, word: &str) -> Option<f64> {
    let url = format!("{}/metrics", stage.gateways[number].http());
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().ok()?;
    let text = client.get(url).send().await.ok()?.text().await.ok()?;
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(word));
    let values: Vec<f64> = lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}
