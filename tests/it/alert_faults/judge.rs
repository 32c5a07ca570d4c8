//! What must hold when everything has come to rest.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use futures::StreamExt;
use jiff::Timestamp;
use paramedic_bus::{Append, IncidentLog, SharedBus, streams};
use paramedic_domain::{
    alert::AlertStatus,
    correlation::{Notice, Told},
    envelope::Recorded,
    event::Event,
    id::ClusterId,
    incident::{Incident, Status},
    invariant,
    subject::Subject,
};
use paramedic_testkit::Backoff;
use paramedic_tests::Product;

use super::{
    Stage,
    sender::{Firing, Tally, digest},
};

/// How long spools may take to empty.
const PATIENCE: Duration = Duration::from_secs(180);

/// What came of it.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) notifications: u64,
    pub(crate) alerts: u64,
    pub(crate) firings: usize,
    pub(crate) incidents: usize,
    pub(crate) merged: usize,
    pub(crate) events: usize,
    /// Webhooks that were accepted and are not in the stream.
    pub(crate) lost: usize,
    /// Firings in no incident, and in more than one.
    pub(crate) nowhere: usize,
    pub(crate) several: usize,
    /// Firings that came after the next one of the same alert.
    pub(crate) outdated: usize,
    /// Firings that an incident has in another state than their sender said last.
    pub(crate) wrong: usize,
    /// Logs that are not whole, and alerts that joined an incident twice.
    pub(crate) damaged: usize,
    pub(crate) violations: Vec<String>,
}

fn cluster() -> ClusterId {
    "range".parse().unwrap()
}

/// Waits until no spool holds anything, and marks the end of what was sent.
pub(crate) async fn end_of_stream(bus: &SharedBus, stage: &Stage) -> u64 {
    let mut backoff = Backoff::new(PATIENCE);
    for number in 0..stage.gateways.len() {
        while !says(&stage.gateways[number], "the spool is empty").await {
            assert!(
                backoff.pause().await,
                "a spool does not empty: {}",
                stage.gateways[number].log_tail()
            );
        }
    }
    let told = Told {
        cluster: cluster(),
        at: stage.range.now(),
        notice: Notice::Tick,
    };
    let message = Append {
        subject: Subject::Told { cluster: cluster() }.to_string(),
        payload: paramedic_wire::encode_told(&told),
        ..Append::default()
    };
    bus.append(streams::ALERTS, message).await.unwrap().seq
}

/// Whether its readiness page says so.
async fn says(gateway: &Product, words: &str) -> bool {
    let Ok(answer) = reqwest::get(format!("{}/readyz", gateway.http())).await else {
        return false;
    };
    answer.text().await.is_ok_and(|text| text.contains(words))
}

/// How far the alerts are correlated and written.
pub(crate) async fn correlated_to(bus: &SharedBus) -> u64 {
    let bucket = bus.kv(streams::CORRELATORS, None).await.unwrap();
    let stored = bucket.get(cluster().as_str()).await.unwrap().and_then(|entry| entry.value);
    stored.map_or(0, |value| std::str::from_utf8(&value).unwrap().parse().unwrap())
}

/// Everything that was accepted against everything that is stored.
pub(crate) async fn judge(bus: &SharedBus, tallies: &[Tally], end: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let first_said = accepted(bus, tallies, end, &mut verdict).await;
    let homes = logs(bus, &mut verdict).await;
    for tally in tallies {
        let mut firings = tally.firings.iter().peekable();
        while let Some((firing, goes_on)) = firings.next() {
            verdict.firings += 1;
            let again = firings.peek().map(|(next, _)| *next).filter(|next| next.0 == firing.0);
            let known = homes.latest.get(firing).map_or(&[][..], Vec::as_slice);
            match again {
                // What fired again may be elsewhere now, and then leaves its first firing where that was.
                Some(_) if homes.joined.contains(firing) => {}
                // Its next firing was in the stream before it, as when it waited in a spool: it is out of date.
                Some(next) if first_said[next] < first_said[firing] => verdict.outdated += 1,
                Some(_) | None => verdict.place(firing, *goes_on, known),
            }
        }
    }
    verdict
}

/// INV-01: what was answered with 2xx is in the stream.
/// Sequence of the message that first said that an alert fires.
async fn accepted(bus: &SharedBus, tallies: &[Tally], end: u64, verdict: &mut Verdict) -> HashMap<Firing, u64> {
    let mut first_said = HashMap::new();
    let filter = "paramedic.alert.range.*";
    let mut messages = bus.follow(streams::ALERTS, filter, 0).await.unwrap();
    let mut found: HashSet<u64> = HashSet::new();
    while let Some(message) = messages.next().await.transpose().unwrap() {
        if message.seq >= end {
            break;
        }
        if !message.subject.ends_with(".notification") {
            continue;
        }
        let notification = paramedic_wire::decode_notification(&message.payload).unwrap();
        verdict.notifications += 1;
        verdict.alerts += notification.alerts.len() as u64;
        let alerts = notification.alerts.into_iter();
        let all: BTreeSet<_> = alerts
            .map(|alert| (alert.fingerprint, alert.starts_at, alert.status == AlertStatus::Firing))
            .collect();
        for (fingerprint, starts_at, _) in all.iter().filter(|(_, _, firing)| *firing) {
            first_said.entry((fingerprint.clone(), *starts_at)).or_insert(message.seq);
        }
        found.insert(digest(&(format!("{} {}", notification.source, notification.group_key), all)));
    }
    let missing = tallies
        .iter()
        .flat_map(|tally| &tally.webhooks)
        .filter(|webhook| !found.contains(webhook));
    verdict.lost = missing.count();
    if verdict.lost > 0 {
        verdict
            .violations
            .push(format!("INV-01: {} accepted webhooks are not in the stream", verdict.lost));
    }
    first_said
}

/// Where firings are.
#[derive(Default)]
struct Homes {
    /// Whatever joined an incident.
    joined: HashSet<Firing>,
    /// The latest of each fingerprint in each incident that was not merged into another: whether it goes on there.
    latest: HashMap<Firing, Vec<bool>>,
}

/// INV-03, and where each firing is.
async fn logs(bus: &SharedBus, verdict: &mut Verdict) -> Homes {
    let log = IncidentLog::new(bus.clone());
    let mut homes = Homes::default();
    for (cluster, id) in log.incidents().await.unwrap() {
        let events = match log.read(&cluster, &id).await {
            Ok(events) => events,
            Err(error) => {
                verdict.damage(format!("{id} cannot be read: {error}"));
                continue;
            }
        };
        verdict.incidents += 1;
        verdict.events += events.len();
        for violation in invariant::check_log(&events) {
            verdict.damage(format!("{id}: {violation:?}"));
        }
        let incident = match Incident::fold(cluster.clone(), id.clone(), &events) {
            Ok(incident) => incident,
            Err(error) => {
                verdict.damage(format!("{id} does not fold: {error}"));
                continue;
            }
        };
        if incident.misfits > 0 {
            verdict.damage(format!("{id} has {} events that do not fit", incident.misfits));
        }
        for recorded in &events {
            if let Event::IncidentOpened { alerts, .. } | Event::AlertsCorrelated { alerts, .. } = &recorded.envelope.event {
                homes
                    .joined
                    .extend(alerts.iter().map(|alert| (alert.fingerprint.clone(), alert.starts_at)));
            }
        }
        if let Some(twice) = doubled(&events) {
            verdict.damage(format!("{id}: {twice} joined twice"));
        }
        // What became part of another incident has been taken along.
        if incident.status() == Status::Merged {
            verdict.merged += 1;
            continue;
        }
        for alert in incident.alerts.values() {
            let firing = (alert.fingerprint.clone(), alert.starts_at);
            homes.latest.entry(firing).or_default().push(alert.status == AlertStatus::Firing);
        }
    }
    homes
}

/// A firing that joined though it was there.
fn doubled(events: &[Recorded]) -> Option<String> {
    let mut here: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for recorded in events {
        match &recorded.envelope.event {
            Event::IncidentOpened { alerts, .. } | Event::AlertsCorrelated { alerts, .. } => {
                for alert in alerts {
                    let before = here.insert(&alert.fingerprint, alert.starts_at);
                    if before.is_some_and(|before| before >= alert.starts_at) {
                        return Some(alert.fingerprint.clone());
                    }
                }
            }
            Event::AlertsDetached { fingerprints, .. } => {
                here.retain(|fingerprint, _| !fingerprints.iter().any(|gone| gone == fingerprint))
            }
            _ => {}
        }
    }
    None
}

impl Verdict {
    fn damage(&mut self, what: String) {
        self.damaged += 1;
        self.violations.push(format!("INV-03: {what}"));
    }

    /// INV-02: in exactly one incident, as its sender said last.
    fn place(&mut self, firing: &Firing, goes_on: bool, homes: &[bool]) {
        match homes {
            [] => {
                self.nowhere += 1;
                self.violations.push(format!("INV-02: {firing:?} is in no incident"));
            }
            [here] if *here == goes_on => {}
            [here] => {
                self.wrong += 1;
                self.violations
                    .push(format!("{firing:?} fires in its incident: {here}, says its sender: {goes_on}"));
            }
            several => {
                self.several += 1;
                self.violations
                    .push(format!("INV-02: {firing:?} is in {} incidents", several.len()));
            }
        }
    }
}
