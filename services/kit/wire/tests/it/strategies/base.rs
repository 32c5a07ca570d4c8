//! Texts, numbers, ids, times, JSON.

use std::{fmt::Debug, str::FromStr, time::Duration};

use jiff::Timestamp;
use paramedic_domain::digest::Digest;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// Any text, including empty, control and non-ASCII characters.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,12}", any::<String>()].boxed()
}

pub(super) fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

/// An id with its prefix (`""` for those that have none).
pub(super) fn id<T: FromStr<Err: Debug> + Debug>(prefix: &'static str) -> impl Strategy<Value = T> {
    "[a-z0-9][a-z0-9_-]{0,20}".prop_map(move |text| format!("{prefix}{text}").parse().unwrap())
}

/// Any number that equals itself.
pub(super) fn number() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{INFINITE, NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    NORMAL | SUBNORMAL | INFINITE | ZERO | POSITIVE | NEGATIVE
}

pub(super) fn digest() -> impl Strategy<Value = Digest> {
    prop_oneof![Just(Digest::ZERO), any::<[u8; 8]>().prop_map(|bytes| Digest::of(&bytes))]
}

/// Years -9999 to 9999.
pub(super) fn time() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
    prop_oneof![
        Just(Timestamp::UNIX_EPOCH),
        (first..=last).prop_map(|nanos| Timestamp::from_nanosecond(nanos).unwrap())
    ]
}

/// Up to 10,000 years.
pub(super) fn span() -> impl Strategy<Value = Duration> {
    (0..315_576_000_000_u64, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

/// JSON without fractions: reading those back exactly is the JSON library's promise, not the wire's.
pub(super) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((text(), inner), 0..3).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
    .boxed()
}

pub(super) fn object() -> impl Strategy<Value = Map<String, Value>> {
    vec((text(), json()), 0..3).prop_map(|pairs| pairs.into_iter().collect()).boxed()
}

pub(super) fn patch() -> impl Strategy<Value = json_patch::Patch> {
    let path = || {
        vec("[a-z~/]{1,6}", 0..4).prop_map(|parts| {
            parts
                .iter()
                .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
                .collect::<String>()
        })
    };
    let operation = prop_oneof![
        (select(vec!["test", "add", "replace"]), path(), json())
            .prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value})),
        path().prop_map(|path| json!({"op": "remove", "path": path})),
        (select(vec!["move", "copy"]), path(), path()).prop_map(|(op, from, path)| json!({"op": op, "from": from, "path": path})),
    ];
    vec(operation, 0..4)
        .prop_map(|operations| serde_json::from_value(Value::from(operations)).unwrap())
        .boxed()
}
