//! The last sequence of recently used filters, so that a compare-and-set append does not walk the index.
//!
//! Holds filters that an append can update by looking at its own subject: plain subjects and `a.b.>`.

use std::collections::HashMap;

use crate::subject::{self, Subject};

/// Filters remembered before the older half is dropped: far more than the incidents open at once, about 2 MB.
const CAPACITY: usize = 16_384;

/// A cache in two generations: what was not used for [`CAPACITY`] insertions is forgotten.
#[derive(Default)]
pub(super) struct Heads {
    young: HashMap<String, u64>,
    old: HashMap<String, u64>,
}

impl Heads {
    /// The last sequence under `filter`, if it is remembered.
    pub(super) fn get(&mut self, filter: &str) -> Option<u64> {
        if let Some(last) = self.young.get(filter) {
            return Some(*last);
        }
        let (filter, last) = self.old.remove_entry(filter)?;
        self.insert(filter, last);
        Some(last)
    }

    /// Remembers what was found in the index. Filters that appends cannot keep current are not taken.
    pub(super) fn remember(&mut self, filter: &str, last: u64) {
        if is_kept(filter) {
            self.insert(filter.to_owned(), last);
        }
    }

    /// A message was appended: brings every remembered filter that matches it up to date.
    pub(super) fn appended(&mut self, subject: Subject<'_>, seq: u64) {
        for filter in subject.enclosing_filters() {
            if let Some(last) = self.young.get_mut(&filter) {
                *last = seq;
            } else if let Some(last) = self.old.get_mut(&filter) {
                *last = seq;
            }
        }
    }

    fn insert(&mut self, filter: String, last: u64) {
        if self.young.len() >= CAPACITY {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(filter, last);
    }
}

fn is_kept(filter: &str) -> bool {
    subject::is_literal(filter) || filter == ">" || filter.strip_suffix(".>").is_some_and(subject::is_literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> Subject<'_> {
        Subject::parse(text).expect("valid subject")
    }

    #[test]
    fn appends_keep_remembered_filters_current() {
        let mut heads = Heads::default();
        heads.remember("a.b.>", 0);
        heads.remember("a.b.c", 0);
        heads.remember("a.x.>", 3);
        heads.remember("a.*.c", 3);
        heads.appended(subject("a.b.c"), 4);
        assert_eq!(heads.get("a.b.>"), Some(4));
        assert_eq!(heads.get("a.b.c"), Some(4));
        assert_eq!(heads.get("a.x.>"), Some(3));
        assert_eq!(heads.get("a.*.c"), None, "a star in the middle cannot be kept current");
    }

    #[test]
    fn forgetting_never_answers_wrongly() {
        let mut heads = Heads::default();
        heads.remember("hot.>", 1);
        for n in 0..3 * CAPACITY {
            let filter = format!("cold.{n}");
            heads.remember(&filter, 1);
            heads.get("hot.>").expect("used all the time");
            heads.appended(subject("hot.x"), n as u64);
            assert_eq!(heads.get("hot.>"), Some(n as u64));
        }
        assert_eq!(heads.get("cold.0"), None);
        assert!(heads.young.len() + heads.old.len() <= 2 * CAPACITY);
    }
}
