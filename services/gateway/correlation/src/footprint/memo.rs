//! Footprints that were worked out already, with what each depended on: most are asked for again although nothing changed that matters to them.

use std::{collections::HashMap, rc::Rc};

use super::{Footprint, Hypothesis};

/// Which footprint: the cause, the bits of its onset, and whether only what is sure was looked for.
pub(super) type Key = (Hypothesis, u32, bool);

/// While a footprint was worked out, it mattered how well others explain an observation (natural logarithm, at least zero).
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    one: u32,
    explained: f32,
}

/// What mattered while one footprint was worked out, each observation once.
#[derive(Debug)]
pub(super) struct Notes {
    all: Vec<Note>,
    /// Round in which an observation was noted.
    noted: Vec<u32>,
    round: u32,
}

impl Notes {
    pub(super) fn new(observations: usize) -> Self {
        Self {
            all: Vec::new(),
            noted: vec![0; observations],
            round: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.round += 1;
    }

    pub(super) fn note(&mut self, one: usize, explained: f32) {
        if self.noted[one] != self.round {
            self.noted[one] = self.round;
            let one = u32::try_from(one).unwrap_or(u32::MAX);
            self.all.push(Note { one, explained });
        }
    }

    pub(super) fn all(&self) -> &[Note] {
        &self.all
    }
}

/// What is remembered; as long as what was seen stays the same.
#[derive(Debug, Default)]
pub(super) struct Memo(HashMap<Key, [Option<Known>; VERSIONS]>);

#[derive(Debug, Clone)]
struct Known {
    footprint: Rc<Footprint>,
    notes: Box<[Note]>,
}

/// Footprints of one cause that are kept, for different explanations by others; the latest.
const VERSIONS: usize = 2;

impl Memo {
    /// The footprint, if it would be the same while others explain this much of each observation.
    pub(super) fn recall(&mut self, key: Key, explained: &[f32]) -> Option<Rc<Footprint>> {
        let versions = self.0.get_mut(&key)?;
        #[allow(clippy::float_cmp, reason = "the same sum of the same numbers")]
        let holds = |note: &Note| explained[note.one as usize].max(0.0) == note.explained;
        let at = versions
            .iter()
            .position(|known| known.as_ref().is_some_and(|known| known.notes.iter().all(holds)))?;
        versions[..=at].rotate_right(1);
        versions[0].as_ref().map(|known| Rc::clone(&known.footprint))
    }

    /// Remembers a footprint and what it depended on.
    pub(super) fn keep(&mut self, key: Key, footprint: &Rc<Footprint>, notes: &[Note]) {
        let versions = self.0.entry(key).or_default();
        versions.rotate_right(1);
        versions[0] = Some(Known {
            footprint: Rc::clone(footprint),
            notes: notes.into(),
        });
    }
}
