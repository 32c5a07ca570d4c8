//! Tokens of people and programs: files hold only their hashes.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What a file holds of a token. A plain SHA-256 suffices, since tokens are made by `paramedic people token` from 256 random bits:
/// slow hashes protect secrets that can be guessed.
#[must_use]
pub fn hash(token: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(token.as_bytes())))
}

/// Whether two hashes are the same, in the same time wherever they differ.
pub(crate) fn same(stored: &str, given: &str) -> bool {
    stored.as_bytes().ct_eq(given.as_bytes()).into()
}

/// What is wrong with a stored hash, in a sentence.
pub(crate) fn check(stored: &str) -> Result<(), &'static str> {
    let digits = stored.strip_prefix("sha256:").unwrap_or_default();
    if digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(())
    } else {
        Err("is no hash of a token: write what `paramedic people token` printed, never the token itself")
    }
}
