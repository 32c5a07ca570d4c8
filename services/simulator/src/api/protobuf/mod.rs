//! Request bodies in Kubernetes' protobuf, which newer kubectl sends for some commands (`create`, `autoscale`, `auth can-i`).
//!
//! Only the kinds and fields that kubectl makes by itself are known; anything else is refused rather than half read.

mod kinds;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::store::Status;

/// Starts every body.
const MAGIC: &[u8] = b"k8s\0";

/// How a field is written.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Number,
    Flag,
    Message(&'static [Field]),
    Messages(&'static [Field]),
    /// String to string.
    Labels,
    /// String to bytes, base64 in JSON.
    Blobs,
    /// String to quantity.
    Quantities,
    /// A number or a text.
    Either,
    /// Server's business; left out.
    Ignored,
}

/// Field number, JSON name and how it is written.
type Field = (u64, &'static str, Kind);

/// The object in a body, as JSON; 415 for kinds or fields that are not known.
pub fn decode(body: &[u8]) -> Result<Value, Status> {
    let refused = || {
        let why = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml";
        Status::new(415, "UnsupportedMediaType", why).with_details(json!({}))
    };
    let envelope = body.strip_prefix(MAGIC).ok_or_else(refused)?;
    object(envelope).ok_or_else(refused)
}

fn object(envelope: &[u8]) -> Option<Value> {
    const TYPE: &[Field] = &[(1, "apiVersion", Kind::Text), (2, "kind", Kind::Text)];
    let (mut head, mut raw) = (None, None);
    for part in parts(envelope)? {
        match part {
            (1, Part::Bytes(bytes)) => head = Some(message(TYPE, bytes)?),
            (2, Part::Bytes(bytes)) => raw = Some(bytes),
            _ => {}
        }
    }
    let head = head?;
    let fields = kinds::of(head["apiVersion"].as_str()?, head["kind"].as_str()?)?;
    let mut out = message(fields, raw?)?;
    out["kind"] = head["kind"].clone();
    out["apiVersion"] = head["apiVersion"].clone();
    Some(out)
}

enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Splits a message into its fields.
fn parts(mut bytes: &[u8]) -> Option<Vec<(u64, Part<'_>)>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let part = match key & 7 {
            0 => Part::Number(varint(&mut bytes)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (head, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Part::Bytes(head)
            }
            _ => return None,
        };
        out.push((key >> 3, part));
    }
    Some(out)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn message(fields: &[Field], bytes: &[u8]) -> Option<Value> {
    let mut out = Map::new();
    for (number, part) in parts(bytes)? {
        let (_, name, kind) = fields.iter().find(|(known, ..)| *known == number)?;
        let slot = |out: &mut Map<String, Value>, empty: Value| out.entry(*name).or_insert(empty).clone();
        match (kind, part) {
            (Kind::Ignored, _) => {}
            // Go writes empty strings of fields it always writes.
            (Kind::Text, Part::Bytes([])) => {}
            (Kind::Text, Part::Bytes(bytes)) => {
                out.insert((*name).to_owned(), json!(text(bytes)?));
            }
            (Kind::Number, Part::Number(value)) => {
                out.insert((*name).to_owned(), json!(i64::from_ne_bytes(value.to_ne_bytes())));
            }
            (Kind::Flag, Part::Number(value)) => {
                out.insert((*name).to_owned(), json!(value != 0));
            }
            (Kind::Message(fields), Part::Bytes(bytes)) => {
                out.insert((*name).to_owned(), message(fields, bytes)?);
            }
            (Kind::Either, Part::Bytes(bytes)) => {
                let either = message(
                    &[(1, "type", Kind::Number), (2, "number", Kind::Number), (3, "text", Kind::Text)],
                    bytes,
                )?;
                let chosen = if either["type"] == 1 { &either["text"] } else { &either["number"] };
                out.insert((*name).to_owned(), chosen.clone());
            }
            (Kind::Texts | Kind::Messages(_), Part::Bytes(bytes)) => {
                let mut list = slot(&mut out, json!([]));
                let item = match kind {
                    Kind::Messages(fields) => message(fields, bytes)?,
                    _ => json!(text(bytes)?),
                };
                list.as_array_mut()?.push(item);
                out.insert((*name).to_owned(), list);
            }
            (Kind::Labels | Kind::Blobs | Kind::Quantities, Part::Bytes(bytes)) => {
                let mut map = slot(&mut out, json!({}));
                let (key, value) = entry(kind, bytes)?;
                map[key] = value;
                out.insert((*name).to_owned(), map);
            }
            _ => return None,
        }
    }
    Some(Value::Object(out))
}

fn entry(kind: &Kind, bytes: &[u8]) -> Option<(String, Value)> {
    let (mut key, mut raw): (String, &[u8]) = (String::new(), &[]);
    for part in parts(bytes)? {
        match part {
            (1, Part::Bytes(bytes)) => key = text(bytes)?,
            (2, Part::Bytes(bytes)) => raw = bytes,
            _ => return None,
        }
    }
    let value = match kind {
        Kind::Blobs => json!(STANDARD.encode(raw)),
        Kind::Quantities => message(&[(1, "string", Kind::Text)], raw)?["string"].clone(),
        _ => json!(text(raw)?),
    };
    Some((key, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::decode;

    #[test]
    fn a_namespace_as_kubectl_sends_it() {
        let body = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x0f\x0a\x09\x0a\x01x\x12\x00\x42\x02\x08\x00\x12\x00\x1a\x00";
        let wanted = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": {}, "status": {}});
        assert_eq!(decode(body).unwrap(), wanted);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for body in [&b"{}"[..], b"k8s\0", b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Banana\x12\x00"] {
            assert_eq!(decode(body).unwrap_err().code, 415);
        }
    }
}
