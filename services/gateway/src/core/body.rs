//! A request's body as it came, read as JSON without a second copy of it.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use bytes::{Buf, Bytes};
use serde::de::DeserializeOwned;
use serde_json::{Deserializer, de::Read as Input};

/// Bodies to this size are put together before they are read, which is two to three times as fast; of larger ones, which are rare, only
/// what was not read yet stays in memory.
const JOINED: usize = 1 << 20;

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
#[derive(Debug)]
pub struct Chunks {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    /// Most bytes that are put together before they are read.
    joined: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            pieces: VecDeque::new(),
            bytes: 0,
            joined: JOINED,
        }
    }
}

impl Chunks {
    /// A body that is read piece by piece however small it is, as large ones are.
    #[must_use]
    pub fn streamed() -> Self {
        Self {
            joined: 0,
            ..Self::default()
        }
    }

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
        let read = if self.pieces.len() > 1 && self.bytes > self.joined {
            document(Deserializer::from_reader(io::BufReader::with_capacity(1 << 10, self)))
        } else {
            let whole = self.join();
            match std::str::from_utf8(&whole) {
                // Looked at once, not text by text.
                Ok(text) => document(Deserializer::from_str(text)),
                Err(_) => document(Deserializer::from_slice(&whole)),
            }
        };
        read.map_err(|error| Rejection::Malformed(format!("the body is not valid JSON: {error}")))
    }

    /// The pieces as one; each is given up when it was copied.
    fn join(&mut self) -> Bytes {
        if self.pieces.len() <= 1 {
            return self.pieces.pop_front().unwrap_or_default();
        }
        let mut whole = Vec::with_capacity(self.bytes);
        while let Some(piece) = self.pieces.pop_front() {
            whole.extend_from_slice(&piece);
        }
        whole.into()
    }
}

/// The one document that an input holds.
fn document<'de, T: DeserializeOwned>(mut input: Deserializer<impl Input<'de>>) -> serde_json::Result<T> {
    let value = T::deserialize(&mut input)?;
    input.end()?;
    Ok(value)
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
