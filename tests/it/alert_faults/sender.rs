//! A sender as Alertmanager is one: whole groups, the next word about a group only after the last one was accepted, and each again until it
//! is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use paramedic_runtime::Clock;
use paramedic_testkit::Backoff;
use paramedic_tests::TOKEN;
use serde_json::{Value, json};

use super::SPEED;
use crate::campaign::Chance;

/// Groups of one sender, and the alerts of a group that fire at the same time.
const GROUPS: usize = 4;
const FIRING: usize = 48;
/// How long a try may take: a gateway that is suspended does not answer.
const TRY: Duration = Duration::from_secs(3);
/// How long one notification may take until it is accepted.
const PATIENCE: Duration = Duration::from_secs(120);
/// One in so many notifications is sent to the other gateway besides, as by the other half of a pair.
const TWICE: usize = 10;
/// One in so many alerts that ended fires again.
const AGAIN: usize = 8;

/// One firing: the fingerprint, and when it began.
pub(crate) type Firing = (String, Timestamp);
/// What a notification says: its group, and the status of each firing.
pub(crate) type Said = (String, BTreeSet<(String, Timestamp, bool)>);

/// What a sender did.
#[derive(Default)]
pub(crate) struct Tally {
    /// What was accepted, in order.
    pub(crate) webhooks: Vec<u64>,
    pub(crate) alerts: u64,
    pub(crate) spooled: u64,
    pub(crate) refused: u64,
    pub(crate) unanswered: u64,
    pub(crate) twice: u64,
    /// Every firing that was accepted, and whether it goes on.
    pub(crate) firings: BTreeMap<Firing, bool>,
}

struct Group {
    key: String,
    namespace: String,
    /// Fingerprints with their starts.
    firing: BTreeMap<String, Timestamp>,
    /// What has to be told as ended.
    ended: BTreeMap<String, Timestamp>,
    next: u64,
}

pub(crate) struct Sender {
    source: &'static str,
    number: usize,
    skew: SignedDuration,
    clock: Clock,
    urls: Vec<String>,
    client: reqwest::Client,
    chance: Chance,
    groups: Vec<Group>,
    tally: Tally,
}

impl Sender {
    pub(crate) fn new(source: &'static str, number: usize, skew: SignedDuration, epoch: Timestamp, urls: Vec<String>) -> Self {
        let group = |group: usize| Group {
            key: format!("{{}}:{{alertname=\"Trouble{group}\", namespace=\"load-{number}\"}}"),
            namespace: format!("load-{number}"),
            firing: BTreeMap::new(),
            ended: BTreeMap::new(),
            next: 0,
        };
        Self {
            source,
            number,
            skew,
            clock: Clock::scaled(epoch, SPEED),
            urls,
            client: reqwest::Client::builder().timeout(TRY).build().unwrap(),
            chance: Chance::of(number as u64 + source.len() as u64 * 1000),
            groups: (0..GROUPS).map(group).collect(),
            tally: Tally::default(),
        }
    }

    /// Sends until it is told to stop; then what it has not told yet.
    pub(crate) async fn run(mut self, accepted: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Tally {
        let mut turn = 0;
        while !stop.load(Ordering::SeqCst) {
            self.change(turn % GROUPS);
            self.tell(turn % GROUPS, &accepted).await;
            turn += 1;
        }
        self.tally
    }

    /// The present by the clock of this source.
    fn now(&self) -> Timestamp {
        let now = self.clock.now() + self.skew;
        // As far as the wire goes.
        Timestamp::from_millisecond(now.as_millisecond()).unwrap()
    }

    /// Some alerts end, others begin to fire.
    fn change(&mut self, number: usize) {
        let now = self.now();
        let (source, sender) = (self.source, self.number);
        let ending = self.chance.below(4);
        let group = &mut self.groups[number];
        group.ended.clear();
        for _ in 0..ending {
            let chosen = self.chance.below(group.firing.len());
            if let Some(fingerprint) = group.firing.keys().nth(chosen).cloned() {
                let starts_at = group.firing.remove(&fingerprint).unwrap();
                group.ended.insert(fingerprint, starts_at);
            }
        }
        // Those that will end next time begin first, so that a start is never the end's.
        while group.firing.len() < FIRING {
            let known = group.next.saturating_sub(1);
            let again = known > FIRING as u64 && self.chance.below(AGAIN) == 0;
            let id = match again {
                true => self.chance.below(usize::try_from(known).unwrap()) as u64,
                false => {
                    group.next += 1;
                    group.next - 1
                }
            };
            let fingerprint = format!("{source}-{sender}-{number}-{id:08x}");
            if !group.firing.contains_key(&fingerprint) && !group.ended.contains_key(&fingerprint) {
                group.firing.insert(fingerprint, now);
            }
        }
    }

    /// Posts the group until it is accepted.
    async fn tell(&mut self, number: usize, accepted: &AtomicU64) {
        let body = self.body(number);
        let mut at = self.chance.below(self.urls.len());
        let began = Instant::now();
        let mut backoff = Backoff::new(PATIENCE);
        loop {
            match self.post(&self.urls[at], &body).await {
                Some((200, spooled)) => {
                    self.tally.spooled += u64::from(spooled);
                    break;
                }
                Some((503, _)) => self.tally.refused += 1,
                Some((status, _)) => panic!("answered with {status}: alerts are lost where the sender is Alertmanager"),
                None => self.tally.unanswered += 1,
            }
            assert!(
                backoff.pause().await,
                "{} was not accepted for {:?}",
                self.groups[number].key,
                began.elapsed()
            );
            at = (at + 1) % self.urls.len();
        }
        if self.chance.below(TWICE) == 0 {
            // Whatever comes of it: the other half of the pair has been heard.
            let other = &self.urls[(at + 1) % self.urls.len()];
            self.post(other, &body).await;
            self.tally.twice += 1;
        }
        let source = self.source;
        let group = &self.groups[number];
        let said = |list: &BTreeMap<String, Timestamp>, firing| {
            list.iter()
                .map(|(fingerprint, starts_at)| (fingerprint.clone(), *starts_at, firing))
                .collect::<Vec<_>>()
        };
        let all: BTreeSet<_> = said(&group.firing, true).into_iter().chain(said(&group.ended, false)).collect();
        for (fingerprint, starts_at, firing) in &all {
            self.tally.firings.insert((fingerprint.clone(), *starts_at), *firing);
        }
        self.tally.alerts += all.len() as u64;
        accepted.fetch_add(all.len() as u64, Ordering::SeqCst);
        self.tally.webhooks.push(digest(&(format!("{source} {}", group.key), all)));
    }

    async fn post(&self, url: &str, body: &str) -> Option<(u16, bool)> {
        let request = self
            .client
            .post(url)
            .bearer_auth(TOKEN)
            .header("content-type", "application/json")
            .body(body.to_owned());
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let answer: Value = answer.json().await.ok()?;
        Some((status, answer["spooled"] == true))
    }

    fn body(&self, number: usize) -> String {
        let group = &self.groups[number];
        let now = self.now();
        let alert = |(fingerprint, starts_at): (&String, &Timestamp), firing: bool| {
            // A workload of the sender's namespace for each sixteenth alert.
            let workload = fingerprint.bytes().last().unwrap_or_default() % 16;
            json!({
                "status": if firing { "firing" } else { "resolved" }, "fingerprint": fingerprint, "startsAt": starts_at.to_string(),
                "endsAt": if firing { "0001-01-01T00:00:00Z".to_owned() } else { now.max(*starts_at).to_string() },
                "labels": {
                    "alertname": format!("Trouble{number}"), "namespace": group.namespace, "deployment": format!("web-{workload}"), "severity": "warning",
                    "instance": fingerprint,
                },
                "annotations": {"summary": "something is wrong"}, "generatorURL": "",
            })
        };
        let firing = group.firing.iter().map(|pair| alert(pair, true));
        let alerts: Vec<Value> = firing.chain(group.ended.iter().map(|pair| alert(pair, false))).collect();
        json!({
            "version": "4", "status": "firing", "receiver": "paramedic", "groupKey": group.key, "truncatedAlerts": 0, "groupLabels": {},
            "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "alerts": alerts,
        })
        .to_string()
    }
}

/// Short for what a notification says; a run has too many to keep whole.
pub(crate) fn digest(said: &Said) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hash = DefaultHasher::new();
    said.hash(&mut hash);
    hash.finish()
}
