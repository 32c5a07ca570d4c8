//! Alerts, and alerts as the `ALERTS` stream stores them.

use bytes::Bytes;
use paramedic_domain::alert::{Alert, AlertStatus, Severity};
use paramedic_proto::v1;
use prost::Message;

use crate::{
    Invalid, Wire,
    codec::{message, words},
};

words!(AlertStatus => AlertStatus { Firing, Resolved });
words!(Severity => Severity { Info, Warning, Critical });
message!(Alert => Alert { fingerprint, status, labels, annotations, starts_at, ends_at, generator_url, group_key });

/// Encodes an alert for the `ALERTS` stream.
#[must_use]
pub fn encode_alert(alert: &Alert) -> Bytes {
    alert.to_proto().encode_to_vec().into()
}

/// Decodes an alert of the `ALERTS` stream.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn decode_alert(bytes: &[u8]) -> Result<Alert, Invalid> {
    let proto = v1::Alert::decode(bytes).map_err(|error| Invalid::new("alert", format!("is not a protobuf message: {error}")))?;
    Wire::from_proto(proto)
}
