//! What one webhook says, as the messages that store it.

use jiff::Timestamp;
use paramedic_domain::{
    alert::{Alert, AlertStatus, Notification},
    id::ClusterId,
};
use sha2::{Digest, Sha256};

/// Most bytes of alerts in one message: with subject, headers and the group key it stays below the bus's limit of 1 MiB.
pub const MAX_PART_BYTES: usize = 900 << 10;

/// One message: what to store, and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What to store.
    pub notification: Notification,
    /// Equal for everything that says the same about the same group, whoever sends it and in whatever order.
    pub msg_id: String,
}

/// What goes for every part of a webhook.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Cluster.
    pub cluster: &'a ClusterId,
    /// Name of the source.
    pub source: &'a str,
    /// Group.
    pub group_key: &'a str,
    /// When it came.
    pub received_at: Timestamp,
    /// The alerts are all that the sender's group has.
    pub whole_group: bool,
}

/// Splits alerts into as few messages as they need, by ranges of fingerprints: what is missing from the range of a message
/// is missing from the group, whichever of the other messages are read.
#[must_use]
pub fn split(context: Context<'_>, mut alerts: Vec<Alert>) -> Vec<Part> {
    alerts.sort_by(|a, b| order(a).cmp(&order(b)));
    alerts.dedup_by(|a, b| order(a) == order(b));
    let mut parts: Vec<Vec<Alert>> = vec![Vec::new()];
    let mut room = MAX_PART_BYTES;
    for alert in alerts {
        let size = weight(&alert);
        if size > room && parts.last().is_some_and(|part| !part.is_empty()) {
            parts.push(Vec::new());
            room = MAX_PART_BYTES;
        }
        room = room.saturating_sub(size);
        if let Some(part) = parts.last_mut() {
            part.push(alert);
        }
    }
    let starts: Vec<String> = parts
        .iter()
        .map(|part| part.first().map(|alert| alert.fingerprint.clone()).unwrap_or_default())
        .collect();
    parts
        .into_iter()
        .enumerate()
        .map(|(index, alerts)| {
            let from = if index == 0 { String::new() } else { starts[index].clone() };
            let until = starts.get(index + 1).cloned().unwrap_or_default();
            let msg_id = msg_id(&context, &from, &until, &alerts);
            let notification = Notification {
                source: context.source.to_owned(),
                group_key: context.group_key.to_owned(),
                received_at: context.received_at,
                whole_group: context.whole_group,
                from,
                until,
                alerts,
            };
            Part { notification, msg_id }
        })
        .collect()
}

/// Upper bound of an alert's bytes in a message, its group key left out: each text has a tag and a length besides, each pair
/// of texts a tag and a length more.
#[must_use]
pub fn weight(alert: &Alert) -> usize {
    /// Tag and length of a text below 2^28 bytes.
    const TEXT: usize = 5;
    /// Status, both times, and the message's own tag and length.
    const FIXED: usize = 64;
    let pairs = alert.labels.iter().chain(&alert.annotations);
    let texts: usize = pairs.map(|(name, value)| name.len() + value.len() + 3 * TEXT).sum();
    texts + alert.fingerprint.len() + alert.generator_url.len() + 2 * TEXT + FIXED
}

/// The one order of alerts; what is equal in it says the same.
fn order(alert: &Alert) -> (&str, Timestamp, &'static str) {
    (&alert.fingerprint, alert.starts_at, status_word(alert.status))
}

/// What a retry, a repetition or the other half of a highly available pair has in common.
fn msg_id(context: &Context<'_>, from: &str, until: &str, alerts: &[Alert]) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for text in [context.cluster.as_str(), context.source, context.group_key, from, until] {
        add(text.as_bytes());
    }
    // The whole of a group says more than the same alerts as a part of it.
    add(if context.whole_group { b"whole" } else { b"part" });
    for alert in alerts {
        add(alert.fingerprint.as_bytes());
        add(status_word(alert.status).as_bytes());
        add(&alert.starts_at.as_nanosecond().to_be_bytes());
    }
    hex::encode(hash.finalize())
}

/// The word of metrics and ids.
#[must_use]
pub fn status_word(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Firing => "firing",
        AlertStatus::Resolved => "resolved",
    }
}

#[cfg(test)]
mod tests;
