//! One kept message on the disk: a line of JSON that says where it goes, then its body as it is.

use bytes::Bytes;
use paramedic_bus::{Append, Headers};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Head {
    source: String,
    subject: String,
    msg_id: Option<String>,
    headers: Headers,
}

/// Keys in the order of their numbers.
pub(super) fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

pub(super) fn number(key: &[u8]) -> u64 {
    key.try_into().map(u64::from_be_bytes).unwrap_or(u64::MAX - 1)
}

pub(super) fn encode(source: &str, message: &Append) -> Vec<u8> {
    let head = Head {
        source: source.to_owned(),
        subject: message.subject.clone(),
        msg_id: message.msg_id.clone(),
        headers: message.headers.clone(),
    };
    // JSON escapes line breaks, so the first one ends it.
    let mut value = serde_json::to_vec(&head).expect("texts and maps of texts serialise");
    value.push(b'\n');
    value.extend_from_slice(&message.payload);
    value
}

fn head(value: &[u8]) -> Option<(Head, usize)> {
    let end = value.iter().position(|byte| *byte == b'\n')?;
    Some((serde_json::from_slice(value.get(..end)?).ok()?, end + 1))
}

/// The source of a kept message, if it can be read.
pub(super) fn source(value: &[u8]) -> Option<String> {
    head(value).map(|(head, _)| head.source)
}

/// The source and the message, if they can be read.
pub(super) fn decode(value: &[u8]) -> Option<(String, Append)> {
    let (head, start) = head(value)?;
    let message = Append {
        subject: head.subject,
        headers: head.headers,
        payload: Bytes::copy_from_slice(value.get(start..)?),
        msg_id: head.msg_id,
        expect: None,
    };
    Some((head.source, message))
}
