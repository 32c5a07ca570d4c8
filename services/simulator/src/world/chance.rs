//! Random choices that are the same in every run of a scenario.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Letters and digits Kubernetes uses in generated names: no vowels, so that no words appear.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A seeded source of names and ids.
#[derive(Debug)]
pub(crate) struct Chance(StdRng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Five letters as they end the name of a pod.
    pub(crate) fn suffix(&mut self) -> String {
        (0..5)
            .map(|_| char::from(ALPHABET[self.0.random_range(0..ALPHABET.len())]))
            .collect()
    }

    /// A version 4 UUID.
    pub(crate) fn uid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.0.random()).into_uuid().to_string()
    }

    /// 64 hex digits, as container ids are written.
    pub(crate) fn hex64(&mut self) -> String {
        hex::encode(self.0.random::<[u8; 32]>())
    }
}

/// A hash as ten letters of the name alphabet, as in the names of ReplicaSets.
pub(crate) fn safe_hash(text: &str) -> String {
    let mut state = super::model::hash(text, 0);
    let mut out = String::with_capacity(10);
    for _ in 0..10 {
        out.push(char::from(ALPHABET[(state % ALPHABET.len() as u64) as usize]));
        state /= ALPHABET.len() as u64;
        if state == 0 {
            break;
        }
    }
    out
}
