//! Footprints that were worked out already, with what each depended on: most are asked for again although nothing changed that matters to them.

use std::{collections::HashMap, rc::Rc};

use super::{Footprint, Hypothesis};

/// Which footprint: the cause, the bits of its onset, and whether only what is sure was looked for.
pub(super) type Key = (Hypothesis, u32, bool);

/// While a footprint was worked out, it mattered whether others explain an observation better than `bound` (natural logarithm): they did, if
/// `more`, or did not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) one: u32,
    pub(super) bound: f32,
    pub(super) more: bool,
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
        let holds = |note: &Note| (explained[note.one as usize] > note.bound) == note.more;
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
