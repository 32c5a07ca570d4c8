//! SHA-256 digests: what people approve and what chains the log.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, written `sha256:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A string that is not a digest.
#[derive(Debug, thiserror::Error)]
#[error("invalid digest {0:?}: expected 'sha256:' and 64 hex digits")]
pub struct InvalidDigest(String);

impl Digest {
    /// What an incident's first event has for its predecessor.
    pub const ZERO: Self = Self([0; 32]);

    /// Digest of raw bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Digest of a value's JSON. Our types keep fields in declaration order and maps sorted, so equal values have
    /// equal digests.
    ///
    /// # Panics
    /// Never for the types of this crate: none has a map with keys that are not strings.
    #[must_use]
    pub fn of_json(value: &impl Serialize) -> Self {
        Self::of(&serde_json::to_vec(value).expect("domain types serialise"))
    }

    /// The raw bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hex digits, for people who compare two messages by eye.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl TryFrom<&[u8]> for Digest {
    type Error = InvalidDigest;
    fn try_from(bytes: &[u8]) -> Result<Self, InvalidDigest> {
        <[u8; 32]>::try_from(bytes).map(Self).map_err(|_| InvalidDigest(hex::encode(bytes)))
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest(text.chars().take(80).collect());
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.strip_prefix("sha256:").ok_or_else(invalid)?, &mut bytes).map_err(|_| invalid())?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;
    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
