//! A request's body as it came, read as JSON without a second copy of it.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use bytes::{Buf, Bytes};
use serde::de::DeserializeOwned;

/// Why nothing of a body can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Not JSON.
    Malformed(String),
    /// Of another version.
    Version(String),
    /// JSON, but not what the source sends.
    Shape(String),
}

/// The pieces of a body in their order. Each is given up as soon as it was read.
#[derive(Debug, Default)]
pub struct Chunks {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl Chunks {
    /// Adds the next piece.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// The pieces that were not read yet.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(AsRef::as_ref)
    }

    /// Bytes that were not read yet.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reads the whole of it as one JSON document.
    ///
    /// # Errors
    /// When it is none.
    pub fn read_json<T: DeserializeOwned>(mut self) -> Result<T, Rejection> {
        if self.bytes == 0 {
            return Err(Rejection::Malformed("the body is empty".into()));
        }
        let read = if self.pieces.len() == 1 {
            let piece = self.pieces.pop_front().unwrap_or_default();
            let mut input = serde_json::Deserializer::from_slice(&piece);
            T::deserialize(&mut input).and_then(|value| input.end().map(|()| value))
        } else {
            let mut input = serde_json::Deserializer::from_reader(io::BufReader::with_capacity(1 << 10, self));
            T::deserialize(&mut input).and_then(|value| input.end().map(|()| value))
        };
        read.map_err(|error| Rejection::Malformed(format!("the body is not valid JSON: {error}")))
    }
}

impl From<&[u8]> for Chunks {
    fn from(whole: &[u8]) -> Self {
        let mut chunks = Self::default();
        chunks.push(Bytes::copy_from_slice(whole));
        chunks
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.pieces.front_mut() else { return Ok(0) };
        let bytes = piece.len().min(buffer.len());
        piece.copy_to_slice(&mut buffer[..bytes]);
        self.bytes -= bytes;
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        Ok(bytes)
    }
}
