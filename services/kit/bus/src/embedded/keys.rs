//! The keys of a stream's tree.
//!
//! ```text
//! m <seq>              -> the message (see codec)
//! p <seq> <number>     -> a chunk of a large payload
//! i <subject> 00 <seq> -> nothing: the messages of a subject, and of a subject prefix, in order
//! d <msg id>           -> <time> <seq>
//! t <time> <seq>       -> <msg id>: the ids by age, to forget them when the window has passed
//! ```

use crate::subject;

pub(super) fn message_key(seq: u64) -> Vec<u8> {
    [b"m".as_slice(), &seq.to_be_bytes()].concat()
}

pub(super) fn chunk_key(seq: u64, number: u32) -> Vec<u8> {
    [b"p".as_slice(), &seq.to_be_bytes(), &number.to_be_bytes()].concat()
}

pub(super) fn index_key(subject: &str, seq: u64) -> Vec<u8> {
    [b"i".as_slice(), subject.as_bytes(), &[0], &seq.to_be_bytes()].concat()
}

pub(super) fn id_key(id: &str) -> Vec<u8> {
    [b"d".as_slice(), id.as_bytes()].concat()
}

pub(super) fn age_key(time: i64, seq: u64) -> Vec<u8> {
    [b"t".as_slice(), &pair(time, seq)].concat()
}

pub(super) fn pair(time: i64, seq: u64) -> Vec<u8> {
    [time.to_be_bytes(), seq.to_be_bytes()].concat()
}

pub(super) fn split_pair(bytes: &[u8]) -> (i64, u64) {
    let time = bytes.first_chunk().map_or(0, |b| i64::from_be_bytes(*b));
    (time, seq_at_end(bytes))
}

pub(super) fn seq_at_end(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |b| u64::from_be_bytes(*b))
}

pub(super) fn index_prefix(filter: &str) -> Vec<u8> {
    let mut prefix = [b"i".as_slice(), subject::literal_prefix(filter).as_bytes()].concat();
    if subject::is_literal(filter) {
        prefix.push(0);
    }
    prefix
}

/// The end of the range of keys starting with `prefix`. No key byte is 0xff before the sequence: subjects are ascii.
pub(super) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if prefix.last() == Some(&0) {
        end.extend([0xff; 9]);
    } else {
        end.push(0xff);
    }
    end
}

pub(super) fn split_index(key: &[u8]) -> (&str, u64) {
    let subject = key.get(1..key.len().saturating_sub(9)).unwrap_or_default();
    (std::str::from_utf8(subject).unwrap_or_default(), seq_at_end(key))
}
