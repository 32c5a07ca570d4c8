//! What the past says about alerts of one name: whether they came with incidents more often than others do, or by themselves.

use std::collections::BTreeMap;

/// What was learned. It is bounded, fades, and depends on nothing but what it was told, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learned {
    names: BTreeMap<String, Counts>,
    all: Counts,
    told: u32,
}

/// How many alerts came with incidents, and how many by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    together: f32,
    alone: f32,
    /// Whether a person said something.
    said: bool,
}

/// Most names that are remembered: more than the rules of large estates.
const MOST_NAMES: usize = 4_096;
/// Every so many alerts everything that was learned loses half of its weight.
const HALF_LIFE: u32 = 20_000;
/// What counts less than this is forgotten when it fades.
const LEAST: f32 = 0.2;
/// Alerts of one name that say as much as was believed before.
const BELIEVED: f32 = 4.0;
/// Most that is said for or against an alert by where alerts of its name were put before (natural logarithm): that repeats mistakes, too.
const MOST: f32 = 0.5;
/// The same once a person said so.
const MOST_SAID: f32 = 1.5;
/// Alerts that the word of a person is worth.
const WORD: f32 = 5.0;

impl Learned {
    /// An alert of this name came with an incident, or by itself.
    pub fn saw(&mut self, name: &str, together: bool) {
        self.count(name, together, 1.0);
        self.told += 1;
        if self.told >= HALF_LIFE {
            self.told = 0;
            self.fade();
        }
    }

    /// A person said so.
    pub fn said(&mut self, name: &str, together: bool) {
        self.count(name, together, WORD);
        if let Some(counts) = self.names.get_mut(name) {
            counts.said = true;
        }
    }

    /// How much more an alert of this name speaks for an incident than others do (natural logarithm).
    #[must_use]
    pub fn lift(&self, name: &str) -> f32 {
        let Some(counts) = self.names.get(name) else { return 0.0 };
        let share = (self.all.together + 1.0) / (self.all.together + self.all.alone + 2.0);
        let together = counts.together + BELIEVED * share;
        let alone = counts.alone + BELIEVED * (1.0 - share);
        let most = if counts.said { MOST_SAID } else { MOST };
        ((together / alone).ln() - (share / (1.0 - share)).ln()).clamp(-most, most)
    }

    fn count(&mut self, name: &str, together: bool, weight: f32) {
        if !self.names.contains_key(name) && self.names.len() >= MOST_NAMES {
            return;
        }
        for counts in [self.names.entry(name.to_owned()).or_default(), &mut self.all] {
            if together {
                counts.together += weight;
            } else {
                counts.alone += weight;
            }
        }
    }

    fn fade(&mut self) {
        let halve = |counts: &mut Counts| {
            counts.together /= 2.0;
            counts.alone /= 2.0;
        };
        halve(&mut self.all);
        self.names.retain(|_, counts| {
            halve(counts);
            counts.together + counts.alone >= LEAST
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taught() -> Learned {
        let mut learned = Learned::default();
        for _ in 0..20 {
            learned.saw("DbDown", true);
            learned.saw("QuotaAlmostFull", false);
        }
        learned
    }

    #[test]
    fn what_came_with_incidents_speaks_for_one_and_what_came_alone_against_it() {
        let learned = taught();
        assert!(learned.lift("DbDown") > 0.4);
        assert!(learned.lift("QuotaAlmostFull") < -0.4);
        assert_eq!(learned.lift("NeverSeen"), 0.0);
    }

    #[test]
    fn the_word_of_a_person_counts_more_than_one_alert() {
        let (mut seen, mut said) = (taught(), taught());
        seen.saw("Blip", false);
        said.said("Blip", false);
        assert!(said.lift("Blip") < seen.lift("Blip") && seen.lift("Blip") < 0.0);
        assert!(said.lift("Blip") < seen.lift("QuotaAlmostFull"), "and more than many");
    }

    #[test]
    fn what_was_learned_fades_and_takes_no_more_room_than_it_may() {
        let mut learned = taught();
        for number in 0..MOST_NAMES {
            learned.saw(&format!("Other{number}"), true);
        }
        assert_eq!(learned.names.len(), MOST_NAMES);
        for _ in 0..HALF_LIFE * 8 {
            learned.saw("Other0", true);
        }
        assert!(learned.names.len() < 10, "{}", learned.names.len());
        assert!(learned.lift("DbDown").abs() < 0.4);
    }
}
