//! Names that mean nothing, new ones for each seed, so that nothing can be learned by heart.

use std::collections::BTreeSet;

use crate::chance::Chance;

const ONSETS: [&str; 18] = [
    "b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br",
];
const VOWELS: [&str; 7] = ["a", "e", "i", "o", "u", "ai", "eo"];
const CODAS: [&str; 8] = ["", "", "", "n", "r", "l", "s", "x"];
const SUFFIXES: [&str; 10] = ["", "", "", "", "-api", "-service", "-svc", "-server", "-worker", "-core"];

/// What Kubernetes takes for the random ends of names: no vowels, no look-alikes.
pub(crate) const SAFE: &str = "bcdfghjklmnpqrstvwxz2456789";

/// Invents names and never the same twice.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    /// A word of two or three syllables.
    pub(crate) fn word(&mut self, chance: &mut Chance) -> String {
        loop {
            let mut word = String::new();
            for _ in 0..chance.count(2, 3) {
                word += ONSETS[chance.below(ONSETS.len())];
                word += VOWELS[chance.below(VOWELS.len())];
            }
            word += CODAS[chance.below(CODAS.len())];
            if self.0.insert(word.clone()) {
                return word;
            }
        }
    }

    /// A word, sometimes with what teams like to append.
    pub(crate) fn service(&mut self, chance: &mut Chance) -> String {
        let word = self.word(chance);
        format!("{word}{}", SUFFIXES[chance.below(SUFFIXES.len())])
    }
}
