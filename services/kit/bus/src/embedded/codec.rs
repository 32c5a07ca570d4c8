//! How a message lies in sled: `version, time, subject, headers, chunks, payload`, integers big-endian.
//!
//! A payload above [`CHUNK`] is cut into chunks under keys of their own: sled keeps up to 16 values in a page, and moves pages
//! above 128 KiB out of its log into files that it does not sync.

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use sled::IVec;

use crate::{Error, Headers, Stored};

const VERSION: u8 = 1;

/// Largest part of a payload kept in one value, in bytes: sixteen of them and their keys stay far below 128 KiB.
pub(super) const CHUNK: usize = 4 * 1024;

/// Encodes a message stored at `time` (nanoseconds since the epoch).
pub(super) fn encode(time: i64, subject: &str, headers: &Headers, payload: &[u8]) -> Vec<u8> {
    let headers_len: usize = headers.iter().map(|(n, v)| n.len() + v.len() + 8).sum();
    let mut out = Vec::with_capacity(1 + 8 + 4 + subject.len() + 4 + headers_len + payload.len());
    out.push(VERSION);
    out.extend(time.to_be_bytes());
    put(&mut out, subject);
    out.extend(len(headers.len()));
    for (name, value) in headers {
        put(&mut out, name);
        put(&mut out, value);
    }
    if payload.len() > CHUNK {
        out.extend(len(payload.len().div_ceil(CHUNK)));
    } else {
        out.extend(len(0));
        out.extend(payload);
    }
    out
}

/// The parts of a payload that go under keys of their own.
pub(super) fn chunks(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let apart = if payload.len() > CHUNK { payload } else { &[] };
    apart.chunks(CHUNK)
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend(len(text.len()));
    out.extend(text.as_bytes());
}

fn len(n: usize) -> [u8; 4] {
    u32::try_from(n).expect("messages are limited to 1 MiB").to_be_bytes()
}

/// Decodes the message; `chunk` reads a part of the payload that is kept apart.
pub(super) fn decode(seq: u64, bytes: &[u8], chunk: impl Fn(u32) -> Result<Option<IVec>, Error>) -> Result<Stored, Error> {
    let (mut message, chunks) = read(seq, bytes).ok_or_else(|| damaged(seq))?;
    if chunks > 0 {
        let mut payload = BytesMut::new();
        for number in 0..chunks {
            payload.extend_from_slice(&chunk(number)?.ok_or_else(|| damaged(seq))?);
        }
        message.payload = payload.freeze();
    }
    Ok(message)
}

/// Only when it was stored, in nanoseconds since the epoch.
pub(super) fn time(seq: u64, bytes: &[u8]) -> Result<i64, Error> {
    Reader(bytes).start().ok_or_else(|| damaged(seq))
}

/// Only its subject.
pub(super) fn subject(seq: u64, bytes: &[u8]) -> Result<&str, Error> {
    let mut reader = Reader(bytes);
    reader.start().and_then(|_| reader.text()).ok_or_else(|| damaged(seq))
}

fn damaged(seq: u64) -> Error {
    Error::Unavailable(format!("message {seq} on disk is damaged: restore the bus directory from a backup"))
}

fn read(seq: u64, bytes: &[u8]) -> Option<(Stored, u32)> {
    let mut reader = Reader(bytes);
    let time = reader.start()?;
    let subject = reader.text()?.to_owned();
    let mut headers = Headers::new();
    for _ in 0..reader.len()? {
        let name = reader.text()?.to_owned();
        headers.insert(name, reader.text()?.to_owned());
    }
    let chunks = u32::try_from(reader.len()?).ok()?;
    let message = Stored {
        seq,
        subject,
        headers,
        payload: Bytes::copy_from_slice(reader.0),
        time: Timestamp::from_nanosecond(time.into()).ok()?,
    };
    Some((message, chunks))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn start(&mut self) -> Option<i64> {
        let version = self.take(1)?[0];
        if version != VERSION {
            return None;
        }
        self.take(8)?.try_into().ok().map(i64::from_be_bytes)
    }

    fn len(&mut self) -> Option<usize> {
        let raw = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(raw)).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = self.len()?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was() {
        let headers = Headers::from([("a".into(), "1".into()), ("b".into(), String::new())]);
        let bytes = encode(1_700_000_000_123_456_789, "x.y", &headers, b"body");
        let back = decode(7, &bytes, |_| Ok(None)).expect("decodes");
        assert_eq!((back.seq, back.subject.as_str(), &back.headers), (7, "x.y", &headers));
        assert_eq!(back.payload, "body");
        assert_eq!(back.time.as_nanosecond(), 1_700_000_000_123_456_789);
        assert_eq!(time(7, &bytes).expect("time"), 1_700_000_000_123_456_789);
        assert_eq!(subject(7, &bytes).expect("subject"), "x.y");
    }

    #[test]
    fn a_cut_or_unknown_record_is_an_error() {
        let bytes = encode(1, "x.y", &Headers::new(), b"");
        for cut in 0..bytes.len() {
            assert!(decode(1, &bytes[..cut], |_| Ok(None)).is_err(), "{cut}");
        }
        let mut newer = bytes;
        newer[0] = 9;
        assert!(decode(1, &newer, |_| Ok(None)).is_err());
    }

    #[test]
    fn a_large_payload_is_put_together_from_its_chunks() {
        for size in [CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7] {
            let payload: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let apart: Vec<IVec> = chunks(&payload).map(IVec::from).collect();
            let bytes = encode(1, "x", &Headers::new(), &payload);
            assert!(bytes.len() <= CHUNK + 64);
            let back = decode(1, &bytes, |n| Ok(apart.get(n as usize).cloned())).expect("decodes");
            assert!(back.payload == payload, "{size}");
            if size > CHUNK {
                let missing = decode(1, &bytes, |n| Ok(apart.get(n as usize + 1).cloned()));
                assert!(missing.is_err(), "a missing chunk is damage");
            }
        }
    }
}
