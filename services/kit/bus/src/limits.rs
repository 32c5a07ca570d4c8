//! What the port accepts, checked before a backend sees it, so that both refuse the same things.

use std::time::Duration;

use crate::{
    Append, ConsumerSpec, Error, StreamSpec,
    subject::{self, Subject},
};

/// Largest message with its subject and headers, in bytes: the default `max_payload` of a NATS server. Larger values are blobs.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// Largest value of a key-value bucket, in bytes: leases, indexes and counters, not documents.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Shortest life of a key-value entry: JetStream keeps the markers of expired ones in whole seconds.
const SHORTEST_TTL: Duration = Duration::from_secs(1);

/// Checks messages to append together.
pub(crate) fn check_appends(messages: &[Append]) -> Result<(), Error> {
    if messages.is_empty() {
        return Err(Error::Invalid("no messages to append".into()));
    }
    let guarded = |message: &Append| message.expect.is_some() || message.msg_id.is_some();
    if messages.len() > 1 && (messages[0].msg_id.is_some() || messages[1..].iter().any(guarded)) {
        return Err(Error::Invalid(
            "of messages appended together only the first may carry an expectation, and none a message id".into(),
        ));
    }
    messages.iter().try_for_each(check_append)
}

/// Checks one message to append.
fn check_append(message: &Append) -> Result<(), Error> {
    Subject::parse(&message.subject).map_err(Error::Invalid)?;
    for (name, value) in &message.headers {
        check_header(name, value)?;
    }
    if let Some(id) = &message.msg_id {
        check_header("message id", id)?;
        if id.is_empty() {
            return Err(Error::Invalid("empty message id: leave it out or fill it".into()));
        }
    }
    if let Some(expect) = &message.expect {
        subject::check_filter(&expect.filter).map_err(Error::Invalid)?;
    }
    let headers: usize = message.headers.iter().map(|(n, v)| n.len() + v.len() + 4).sum();
    let id = message.msg_id.as_ref().map_or(0, String::len);
    let size = message.subject.len() + id + headers + message.payload.len();
    if size > MAX_MESSAGE_BYTES {
        return Err(Error::Invalid(format!(
            "message on {} has {size} bytes, the limit is {MAX_MESSAGE_BYTES}: store the body as a blob and append its name",
            message.subject
        )));
    }
    Ok(())
}

fn check_header(name: &str, value: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_graphic() && c != ':';
    let known = name == "message id";
    if !known && (name.is_empty() || !name.chars().all(plain) || name.starts_with("Nats-")) {
        return Err(Error::Invalid(format!(
            "header name {name:?}: use printable ascii without ':' and not starting with Nats-"
        )));
    }
    if value.chars().any(|c| c == '\r' || c == '\n') || value.trim() != value {
        return Err(Error::Invalid(format!(
            "{name} {value:?}: no line breaks and no spaces at its ends"
        )));
    }
    Ok(())
}

/// Checks a stream definition.
pub(crate) fn check_stream(spec: &StreamSpec) -> Result<(), Error> {
    let named = !spec.name.is_empty() && spec.name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if !named {
        return Err(Error::Invalid(format!("stream name {:?}: use A-Z and _", spec.name)));
    }
    if spec.subjects.is_empty() {
        return Err(Error::Invalid(format!("stream {} owns no subjects", spec.name)));
    }
    for filter in &spec.subjects {
        subject::check_filter(filter).map_err(Error::Invalid)?;
    }
    Ok(())
}

/// Checks a consumer definition against the subjects of its stream.
pub(crate) fn check_consumer(spec: &ConsumerSpec, owned: &[String]) -> Result<(), Error> {
    let name = &spec.durable;
    let named = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    if !named {
        return Err(Error::Invalid(format!("consumer name {name:?}: use a-z, 0-9, - and _")));
    }
    if spec.max_ack_pending == 0 || spec.max_deliver == Some(0) || spec.ack_wait.is_zero() {
        return Err(Error::Invalid(format!(
            "consumer {name}: max_ack_pending, max_deliver and ack_wait must be at least one"
        )));
    }
    for (i, filter) in spec.filters.iter().enumerate() {
        subject::check_filter(filter).map_err(Error::Invalid)?;
        if !owned.iter().any(|o| subject::is_subset(filter, o)) {
            return Err(Error::Invalid(format!(
                "consumer {name}: filter {filter} is outside of stream {}",
                spec.stream
            )));
        }
        if let Some(other) = spec.filters[..i].iter().find(|o| subject::overlap(filter, o)) {
            return Err(Error::Invalid(format!("consumer {name}: filters {other} and {filter} overlap")));
        }
    }
    Ok(())
}

/// Checks the name of a key-value or blob bucket.
pub(crate) fn check_bucket(name: &str) -> Result<(), Error> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err(Error::Invalid(format!("bucket name {name:?}: use A-Z, a-z, 0-9, - and _")));
    }
    Ok(())
}

/// Checks how long entries of a key-value bucket live.
pub(crate) fn check_ttl(bucket: &str, ttl: Option<Duration>) -> Result<(), Error> {
    match ttl {
        Some(ttl) if ttl < SHORTEST_TTL => Err(Error::Invalid(format!("bucket {bucket}: ttl {ttl:?} is below {SHORTEST_TTL:?}"))),
        Some(_) | None => Ok(()),
    }
}

/// Checks a value of a key-value bucket.
pub(crate) fn check_value(key: &str, value: &[u8]) -> Result<(), Error> {
    let (size, limit) = (value.len(), MAX_VALUE_BYTES);
    if size > limit {
        return Err(Error::Invalid(format!(
            "value of key {key} has {size} bytes, the limit is {limit}: store it as a blob"
        )));
    }
    Ok(())
}

/// Checks a key of a key-value bucket.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/_=.".contains(&b));
    if key.is_empty() || !plain || key.starts_with('.') || key.ends_with('.') || key.contains("..") {
        return Err(Error::Invalid(format!(
            "key {key:?}: use A-Z a-z 0-9 - / _ = and single dots inside"
        )));
    }
    Ok(())
}
