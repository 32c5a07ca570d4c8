//! Text, numbers, ids, digests, times and JSON.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use json_patch::Patch;
use paramedic_domain::{
    digest::Digest,
    id::{ClusterId, EventId, EvidenceId, GateId, IncidentId, PlanId, RequestId, StepId, WindowId, WorkerId},
};
use serde_json::{Map, Value};

use crate::{
    Invalid, Wire,
    codec::{message_field, scalar_field},
};

macro_rules! same {
    ($($type:ty),* $(,)?) => { $(
        impl Wire for $type {
            type Proto = Self;
            fn to_proto(&self) -> Self { self.clone() }
            fn from_proto(proto: Self) -> Result<Self, Invalid> { Ok(proto) }
        }
        scalar_field!($type);
    )* };
}
same!(String, f64, u32, u64, bool, BTreeMap<String, String>);

macro_rules! ids {
    ($($type:ty),* $(,)?) => { $(
        impl Wire for $type {
            type Proto = String;
            fn to_proto(&self) -> String { self.to_string() }
            fn from_proto(text: String) -> Result<Self, Invalid> { text.parse().map_err(Invalid::here) }
        }
        scalar_field!($type);
    )* };
}
ids!(
    ClusterId, EventId, EvidenceId, GateId, IncidentId, PlanId, RequestId, StepId, WindowId, WorkerId
);

impl Wire for Digest {
    type Proto = Vec<u8>;
    fn to_proto(&self) -> Vec<u8> {
        self.bytes().to_vec()
    }
    fn from_proto(bytes: Vec<u8>) -> Result<Self, Invalid> {
        Self::try_from(bytes.as_slice()).map_err(|_| Invalid::here(format!("is {} bytes long, a SHA-256 digest has 32", bytes.len())))
    }
}
scalar_field!(Digest);

const NANOS: i128 = 1_000_000_000;

impl Wire for Timestamp {
    type Proto = prost_types::Timestamp;
    fn to_proto(&self) -> prost_types::Timestamp {
        let nanos = self.as_nanosecond();
        prost_types::Timestamp {
            seconds: i64::try_from(nanos.div_euclid(NANOS)).expect("the range of jiff's timestamps is years -9999 to 9999"),
            nanos: i32::try_from(nanos.rem_euclid(NANOS)).expect("a remainder of 10^9"),
        }
    }
    fn from_proto(proto: prost_types::Timestamp) -> Result<Self, Invalid> {
        if !(0..1_000_000_000).contains(&proto.nanos) {
            return Err(Invalid::new("nanos", format!("{} is not from 0 to 999999999", proto.nanos)));
        }
        Self::from_nanosecond(i128::from(proto.seconds) * NANOS + i128::from(proto.nanos)).map_err(|error| Invalid::new("seconds", error))
    }
}

/// Greatest number of seconds in a protobuf duration: 10,000 years.
const MAX_SECONDS: u64 = 315_576_000_000;

impl Wire for Duration {
    type Proto = prost_types::Duration;
    /// Longer ones are cut to 10,000 years, which nothing here outlives.
    fn to_proto(&self) -> prost_types::Duration {
        let cut = (*self).min(Self::from_secs(MAX_SECONDS));
        prost_types::Duration {
            seconds: i64::try_from(cut.as_secs()).expect("cut above"),
            nanos: i32::try_from(cut.subsec_nanos()).expect("below 10^9"),
        }
    }
    fn from_proto(proto: prost_types::Duration) -> Result<Self, Invalid> {
        let seconds = u64::try_from(proto.seconds)
            .ok()
            .filter(|seconds| *seconds <= MAX_SECONDS)
            .ok_or_else(|| Invalid::new("seconds", format!("{} is not from 0 to {MAX_SECONDS}", proto.seconds)))?;
        let nanos = u32::try_from(proto.nanos)
            .ok()
            .filter(|nanos| *nanos < 1_000_000_000)
            .ok_or_else(|| Invalid::new("nanos", format!("{} is not from 0 to 999999999", proto.nanos)))?;
        Ok(Self::new(seconds, nanos))
    }
}
message_field!(Timestamp, Duration);

macro_rules! json {
    ($($type:ty, $what:literal);* $(;)?) => { $(
        impl Wire for $type {
            type Proto = String;
            fn to_proto(&self) -> String {
                serde_json::to_string(self).expect("JSON values with string keys serialise")
            }
            fn from_proto(text: String) -> Result<Self, Invalid> {
                serde_json::from_str(&text).map_err(|error| Invalid::here(format!(concat!("is not ", $what, ": {}"), error)))
            }
        }
        scalar_field!($type);
    )* };
}
json!(Map<String, Value>, "a JSON object"; Value, "JSON"; Patch, "an RFC 6902 patch");
