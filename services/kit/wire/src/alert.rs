//! Alerts, and notifications as the `ALERTS` stream stores them.

use bytes::Bytes;
use paramedic_domain::alert::{Alert, AlertStatus, Notification, Priority, Severity};
use paramedic_proto::v1;
use prost::Message;

use crate::{
    Invalid, Wire,
    codec::{message, words},
};

words!(AlertStatus => AlertStatus { Firing, Resolved });
words!(Priority => Priority { P1, P2, P3, P4, P5 });
words!(Severity => Severity { Info, Warning, Critical });
message!(Alert => Alert { fingerprint, status, labels, annotations, starts_at, ends_at, generator_url, group_key });

message!(Notification => Notification { source, group_key, received_at, whole_group, from, until, alerts });

/// Encodes a notification for the `ALERTS` stream. The group key is written once, not with every alert.
#[must_use]
pub fn encode_notification(notification: &Notification) -> Bytes {
    let mut proto = notification.to_proto();
    for alert in &mut proto.alerts {
        alert.group_key.clear();
    }
    proto.encode_to_vec().into()
}

/// Decodes a notification of the `ALERTS` stream.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn decode_notification(bytes: &[u8]) -> Result<Notification, Invalid> {
    let mut proto =
        v1::Notification::decode(bytes).map_err(|error| Invalid::new("notification", format!("is not a protobuf message: {error}")))?;
    for alert in &mut proto.alerts {
        alert.group_key.clone_from(&proto.group_key);
    }
    Wire::from_proto(proto)
}
