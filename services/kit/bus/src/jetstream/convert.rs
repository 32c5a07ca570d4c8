//! The port's types as JetStream's, and back.

use async_nats::{
    HeaderMap,
    datetime::{self, DateTime},
    jetstream::{
        consumer::{AckPolicy, DeliverPolicy, pull},
        stream,
    },
};
use jiff::Timestamp;

use crate::{ConsumerSpec, Error, Headers, Start, StreamSpec};

/// Headers the server and the client use between themselves start with this.
const RESERVED: &str = "Nats-";

pub(super) fn stream_config(spec: &StreamSpec) -> stream::Config {
    stream::Config {
        name: spec.name.clone(),
        subjects: spec.subjects.clone(),
        duplicate_window: spec.duplicate_window,
        num_replicas: spec.replicas.max(1),
        storage: stream::StorageType::File,
        // The log is append-only and is read by sequence and filter without a consumer.
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        ..stream::Config::default()
    }
}

pub(super) fn consumer_config(spec: &ConsumerSpec, start: DeliverPolicy) -> pull::Config {
    pull::Config {
        durable_name: Some(spec.durable.clone()),
        filter_subjects: spec.filters.clone(),
        ack_policy: AckPolicy::Explicit,
        ack_wait: spec.ack_wait,
        max_deliver: spec.max_deliver.map_or(-1, i64::from),
        max_ack_pending: spec.max_ack_pending.into(),
        deliver_policy: start,
        ..pull::Config::default()
    }
}

pub(super) fn deliver_policy(start: Start) -> Result<DeliverPolicy, Error> {
    Ok(match start {
        Start::Beginning => DeliverPolicy::All,
        Start::Sequence(seq) => DeliverPolicy::ByStartSequence {
            start_sequence: seq.max(1),
        },
        Start::Time(time) => DeliverPolicy::ByStartTime {
            start_time: date_time(time)?,
        },
        Start::New => DeliverPolicy::New,
    })
}

fn date_time(time: Timestamp) -> Result<DateTime, Error> {
    let nanos = time.as_nanosecond();
    datetime::from_nanos(nanos).map_err(|e| Error::Invalid(format!("start time {time}: {e}")))
}

pub(super) fn timestamp(time: DateTime) -> Result<Timestamp, Error> {
    let nanos = time.unix_timestamp_nanos();
    Timestamp::from_nanosecond(nanos).map_err(|e| Error::Unavailable(format!("nats: message time: {e}")))
}

pub(super) fn header_map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(name.as_str(), value.as_str());
    }
    map
}

/// The caller's headers, without those of the transport.
pub(super) fn headers(map: Option<&HeaderMap>) -> Headers {
    let Some(map) = map else { return Headers::new() };
    let ours = map.iter().filter(|(name, _)| !name.to_string().starts_with(RESERVED));
    ours.filter_map(|(name, values)| Some((name.to_string(), values.first()?.to_string())))
        .collect()
}
