//! What is done with hostile bytes: the same for cargo fuzz (`fuzz_targets/`) and for the property tests (`tests/fuzz`).
//!
//! Each entry reads the bytes whole and in pieces, which must come to the same, cuts what was read into messages, which must be
//! small enough for the bus, and has them correlated. It panics when something does not hold.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::Notification,
    correlation::{Notice, Told},
    id::ClusterId,
};
use paramedic_gateway::core::{
    body::Chunks,
    completion, credential,
    format::Format,
    mapped::Mapping,
    notification::{self, Context, MAX_PART_BYTES},
    pagerduty,
    partition::{Change, Partition},
    reading::{Group, Missing, Reading},
    scope::Scope,
};
use secrecy::SecretString;

/// Bytes of alerts that one byte of a body may become: an escaped name and value cost at least six bytes, and in a message 15 more.
const GROWTH: usize = 64;

fn whole(data: &[u8]) -> Chunks {
    data.into()
}

fn in_pieces(data: &[u8]) -> Chunks {
    let mut chunks = Chunks::streamed();
    // Of a length that falls everywhere into texts, escapes and characters.
    for piece in data.chunks(1 + data.len() / 7) {
        chunks.push(Bytes::copy_from_slice(piece));
    }
    chunks
}

fn now() -> Timestamp {
    Timestamp::from_second(1_772_445_600).expect("a time in 2026")
}

/// Reads a body of a format.
pub fn read(format: &Format, data: &[u8]) -> Option<Reading> {
    let read = format.read(whole(data), now());
    match (&read, format.read(in_pieces(data), now())) {
        // Where it went wrong may be told differently.
        (Err(_), Err(_)) => {}
        (Ok(read), Ok(again)) => assert_eq!(*read, again, "pieces read otherwise than the whole"),
        (read, again) => panic!("pieces are judged otherwise than the whole: {read:?}, {again:?}"),
    }
    let reading = read.ok()?;
    assert!(
        reading.problems.is_empty() || reading.groups.is_empty(),
        "something of a body with a problem was used"
    );
    assert!(
        reading.problems.len() <= 11 && reading.problems.iter().all(|problem| problem.len() < 1000),
        "an endless answer"
    );
    let mut bytes = 0;
    let mut messages = Vec::new();
    for group in reading.groups.clone() {
        let context = Context {
            cluster: &cluster(),
            source: "fuzz",
            group_key: &group.key,
            received_at: now(),
            whole_group: group.whole,
        };
        for part in notification::split(context, group.alerts) {
            let weight: usize = part.notification.alerts.iter().map(notification::weight).sum();
            assert!(weight <= MAX_PART_BYTES, "a message of {weight} bytes");
            assert!(
                part.notification.alerts.iter().all(|alert| alert.group_key == group.key),
                "an alert in a foreign group"
            );
            bytes += weight;
            messages.push(part.notification);
        }
    }
    correlate(&messages);
    assert!(bytes <= 1024 + GROWTH * data.len(), "{} bytes became {bytes}", data.len());
    Some(reading)
}

/// Has the messages correlated, twice, and what came of them looked at again after a while.
fn correlate(messages: &[Notification]) {
    let everything = ["*".to_owned()];
    let scope = Scope::new("cluster", &everything, &everything, &[]).expect("globs");
    let mut partition = Partition::new(cluster(), Duration::from_secs(900), scope);
    let alerts: usize = messages.iter().map(|message| message.alerts.len()).sum();
    let mut effects = Vec::new();
    for (sequence, message) in (1..).zip(messages.iter().chain(messages)) {
        effects.extend(partition.notified(message, sequence).effects);
    }
    let tick = Told {
        cluster: cluster(),
        at: now() + SignedDuration::from_secs(60),
        notice: Notice::Tick,
    };
    effects.extend(partition.told(&tick, u64::MAX).effects);
    assert!(effects.len() <= 16 + 8 * alerts, "{} effects of {alerts} alerts", effects.len());
    for effect in effects {
        if let Change::Rank(ranking) = effect.change {
            let names = ranking
                .candidates
                .iter()
                .map(|candidate| &candidate.entity)
                .chain(&ranking.affected);
            let longest = names.map(String::len).max().unwrap_or(0);
            assert!(longest <= 2_000, "a name of {longest} bytes is told");
        }
    }
}

fn cluster() -> ClusterId {
    "prod".parse().expect("a name")
}

/// A mapping that looks everywhere.
pub fn mapping() -> Format {
    let pointer = |text: &str| text.to_owned();
    Format::Json(Arc::new(Mapping {
        alerts: pointer("/alerts"),
        name: pointer("/labels/alertname"),
        status: pointer("/status"),
        resolved: vec!["resolved".into()],
        starts_at: pointer("/startsAt"),
        ends_at: pointer("/endsAt"),
        id: pointer("/fingerprint"),
        group: pointer("/group"),
        labels: [("namespace".into(), "/labels/namespace".into())].into(),
        annotations: [("summary".into(), "/annotations/summary".into())].into(),
    }))
}

/// The answer of Alertmanager's API, for a group that misses something.
pub fn complete(data: &[u8]) {
    let group = || Group {
        key: "g".into(),
        whole: false,
        missing: Some(Missing {
            alerts: 1,
            receiver: "hook".into(),
            labels: [("alertname".into(), "A".into())].into(),
        }),
        alerts: Vec::new(),
    };
    let (mut first, mut second) = (group(), group());
    let judged = completion::complete(&mut first, whole(data)).is_ok();
    assert_eq!(judged, completion::complete(&mut second, in_pieces(data)).is_ok());
    assert_eq!(first, second);
    assert_eq!(judged, first.whole);
}

/// Headers that say who sends.
pub fn headers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = credential::read(&text);
    let secrets = [SecretString::from("a secret that signs")];
    assert!(!pagerduty::is_signed(&text, &whole(b"body"), &secrets), "a signature was guessed");
}
