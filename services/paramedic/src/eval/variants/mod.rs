//! The same case with something changed that must not matter: five kinds of it, the same for the same seed.
//!
//! - `files`: the folder of a case as data, and back
//! - `names`, `order`, `times`, `tags`: what is changed
//!
//! Labels in another order need no change of the data: `files` writes the fields of every object in the order that chance gives.

mod files;
mod names;
mod order;
mod tags;
mod times;

use std::path::Path;

use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Map, Value};

use super::case::Case;
use files::Files;

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The words of `rename` are others.
    Renamed,
    /// Alerts, objects, events, series and lines of logs come in another order.
    Shuffled,
    /// Everything happened some days and hours later.
    Shifted,
    /// Images have other tags.
    Retagged,
    /// Labels, and fields of all objects, come in another order.
    Reordered,
}

impl Variant {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Renamed, Self::Shuffled, Self::Shifted, Self::Retagged, Self::Reordered];

    /// What it is called in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::Shuffled => "shuffled",
            Self::Shifted => "shifted",
            Self::Retagged => "retagged",
            Self::Reordered => "reordered",
        }
    }
}

/// Writes the variant of the case to the folder `to`.
///
/// # Errors
/// Names the file that cannot be read or written.
pub fn write(case: &Case, to: &Path, variant: Variant, seed: u64) -> anyhow::Result<()> {
    let mut files = Files::read(&case.folder)?;
    let mut chance = StdRng::seed_from_u64(seed);
    match variant {
        Variant::Renamed => names::rename(&mut files, &case.truth.rename, &mut chance),
        Variant::Shuffled => order::shuffle(&mut files, &mut chance),
        Variant::Shifted => times::shift(&mut files, &mut chance),
        Variant::Retagged => tags::retag(&mut files),
        Variant::Reordered => {}
    }
    files.write(to, (variant == Variant::Reordered).then_some(&mut chance))
}

/// The value with every text in it, names of fields too, as `change` makes it.
fn texts(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(all) => all.iter_mut().for_each(|value| texts(value, change)),
        Value::Object(map) => {
            let fields = std::mem::take(map);
            *map = fields
                .into_iter()
                .map(|(name, mut value)| {
                    texts(&mut value, change);
                    (change(&name), value)
                })
                .collect::<Map<_, _>>();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a word that begins at `at` begins there for people: what is before is no letter and no digit, or belongs to an escape (`\b`).
fn begins(text: &str, at: usize) -> bool {
    let before = &text.as_bytes()[..at];
    let escape = before.len() >= 2 && before[before.len() - 2] == b'\\';
    before.last().is_none_or(|last| !last.is_ascii_alphanumeric()) || escape
}

/// Whether a word that ends at `at` ends there for people.
fn ends(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_none_or(|next| !next.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use super::*;

    fn cases() -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
        let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
        folders.filter(|folder| folder.join("truth.yaml").is_file()).collect()
    }

    fn written(folder: &Path, variant: Variant, seed: u64) -> BTreeMap<PathBuf, String> {
        let to = tempfile::tempdir().unwrap();
        write(&Case::load(folder).unwrap(), to.path(), variant, seed).unwrap();
        // Whatever is written is a case that can be played.
        Case::load(to.path()).unwrap();
        paramedic_simulator::Recording::load(to.path()).unwrap();
        let mut all = BTreeMap::new();
        let mut open = vec![to.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let text = std::fs::read_to_string(&path).unwrap();
                    all.insert(path.strip_prefix(to.path()).unwrap().to_owned(), text);
                }
            }
        }
        all
    }

    fn of_every_case_loads(variant: Variant) {
        assert!(!cases().is_empty());
        for folder in cases() {
            written(&folder, variant, 7);
        }
    }

    #[test]
    fn every_case_loads_renamed() {
        of_every_case_loads(Variant::Renamed);
    }

    #[test]
    fn every_case_loads_shuffled() {
        of_every_case_loads(Variant::Shuffled);
    }

    #[test]
    fn every_case_loads_shifted() {
        of_every_case_loads(Variant::Shifted);
    }

    #[test]
    fn every_case_loads_retagged() {
        of_every_case_loads(Variant::Retagged);
    }

    #[test]
    fn every_case_loads_reordered() {
        of_every_case_loads(Variant::Reordered);
    }

    #[test]
    fn the_same_seed_gives_the_same_variant_and_another_one_another() {
        let case = &cases()[0];
        for variant in Variant::ALL {
            let first = written(case, variant, 7);
            assert_eq!(first, written(case, variant, 7), "{}", variant.name());
            // New tags follow from the old ones.
            assert_eq!(
                first == written(case, variant, 8),
                variant == Variant::Retagged,
                "{}",
                variant.name()
            );
        }
    }

    #[test]
    fn no_word_that_is_renamed_is_left_anywhere() {
        for folder in cases() {
            let words = Case::load(&folder).unwrap().truth.rename;
            for (file, text) in written(&folder, Variant::Renamed, 7) {
                for word in &words {
                    let left = text
                        .match_indices(word.as_str())
                        .find(|(at, _)| begins(&text, *at) && ends(&text, at + word.len()));
                    assert_eq!(left, None, "{word} is left in {} of {}", file.display(), folder.display());
                }
            }
        }
    }
}
