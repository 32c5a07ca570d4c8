//! Which messages are owed: every message worth telling, once per recipient, in the order of the log.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    envelope::{Envelope, Recorded},
    event::{Event, Receipt},
    id::{GateId, IncidentId},
    incident::{FoldError, Incident},
};

use super::{story::told, words};

/// How long a message waits for an earlier one of its incident that could not be delivered yet.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Shortest and longest pause before the next try.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10 * 60));
/// After this long a message is given up: nobody acts on it any more.
pub const GIVE_UP: Duration = Duration::from_secs(24 * 3600);

/// The idempotency key of one message to one recipient.
#[must_use]
pub fn key(incident: &IncidentId, seq: u64, kind: &str, channel: &str, recipient: &str) -> String {
    format!("{incident}/{seq}/{kind}/{channel}/{recipient}")
}

/// Whether the message was delivered or given up.
#[must_use]
pub fn settled(incident: &Incident, key: &str) -> bool {
    incident.notifications.contains_key(key) || given_up(incident, key)
}

/// Whether the message was given up.
#[must_use]
pub fn given_up(incident: &Incident, key: &str) -> bool {
    incident.undeliverable.iter().any(|given_up| given_up == key)
}

/// The first earlier message of these kinds to the same recipient that is still owed and recent enough to wait for.
///
/// # Errors
/// When the log is damaged.
pub fn earlier(
    incident: &Incident,
    log: &[Recorded],
    seq: u64,
    (channel, kinds): (&str, &[&str]),
    recipient: &str,
    now: Timestamp,
) -> Result<Option<String>, FoldError> {
    let recent = |envelope: &&&Envelope| words::between(envelope.time, now) < PATIENCE;
    Ok(told(log)?
        .iter()
        .take_while(|envelope| envelope.seq < seq)
        .filter(|envelope| kinds.contains(&envelope.event.kind()))
        .filter(recent)
        .map(|envelope| key(&envelope.incident, envelope.seq, envelope.event.kind(), channel, recipient))
        .find(|key| !settled(incident, key)))
}

/// The provider's id of this recipient's thread: what the first delivered message of the incident said.
#[must_use]
pub fn thread<'a>(log: &'a [Recorded], channel: &str, recipient: &str) -> Option<&'a Receipt> {
    log.iter().find_map(|recorded| match &recorded.envelope.event {
        Event::NotificationSent { receipt } if receipt.channel == channel && receipt.recipient == recipient => Some(receipt),
        _ => None,
    })
}

/// The messages by which this recipient was asked at `gate`: the sequence of the event, and the receipt.
#[must_use]
pub fn questions<'a>(log: &'a [Recorded], gate: &GateId, channel: &str, recipient: &str) -> Vec<(u64, &'a Receipt)> {
    let asked = log
        .iter()
        .map(|recorded| &recorded.envelope)
        .filter(|envelope| match &envelope.event {
            Event::ApprovalRequested { gate: of, .. }
            | Event::ApprovalEscalated { gate: of, .. }
            | Event::ApprovalReminded { gate: of, .. } => of == gate,
            _ => false,
        });
    let receipt = |envelope: &Envelope| {
        let wanted = key(&envelope.incident, envelope.seq, envelope.event.kind(), channel, recipient);
        log.iter().find_map(|recorded| match &recorded.envelope.event {
            Event::NotificationSent { receipt } if receipt.key == wanted => Some(receipt),
            _ => None,
        })
    };
    asked.filter_map(|envelope| Some((envelope.seq, receipt(envelope)?))).collect()
}

/// Whether the log already says that this message could not be delivered at first: that is said once.
#[must_use]
pub fn complained(log: &[Recorded], wanted: &str) -> bool {
    log.iter()
        .any(|recorded| matches!(&recorded.envelope.event, Event::NotificationFailed { key, .. } if key == wanted))
}

/// The pause before the next try: half the message's age, so that pauses grow by half each time, on any replica.
#[must_use]
pub fn pause(event_time: Timestamp, now: Timestamp) -> Duration {
    (words::between(event_time, now) / 2).clamp(PAUSES.0, PAUSES.1)
}

/// Whether it is too late for another try.
#[must_use]
pub fn too_late(event_time: Timestamp, now: Timestamp) -> bool {
    words::between(event_time, now) >= GIVE_UP
}
