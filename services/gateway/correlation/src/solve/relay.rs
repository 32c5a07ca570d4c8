//! Consequences that no single cause explains: what one observation says makes another one likely.

use std::collections::BTreeMap;

use super::{Hypothesis, Observation, Solver};
use crate::{
    graph::{Component, Way},
    signal::Link,
    weights,
};

type About = BTreeMap<Component, Vec<usize>>;

impl Solver<'_> {
    /// Observations by what they are about.
    fn about(&self) -> About {
        let mut about = About::new();
        for (one, seen) in self.seen.iter().enumerate() {
            about.entry(seen.signal.component).or_default().push(one);
        }
        about
    }

    /// Observations about what may be behind this one, each with the link.
    fn beside<'a>(&'a self, one: usize, about: &'a About) -> impl Iterator<Item = (usize, &'a Observation, &'a Link)> {
        self.seen[one].links.iter().flat_map(move |link| {
            let others = about.get(&link.cause.component).map_or(&[][..], Vec::as_slice);
            others
                .iter()
                .filter(move |other| **other != one)
                .map(move |other| (*other, &self.seen[*other], link))
        })
    }

    /// Causes that are consequences: what one cause explains makes another one likely.
    pub(super) fn relay(&self, of: &mut [Option<usize>], causes: &mut [(Hypothesis, f32)]) {
        let about = self.about();
        loop {
            let mut best: Option<(f32, usize, usize)> = None;
            let worths: Vec<f32> = (0..causes.len())
                .map(|number| self.worth(causes[number].0, causes[number].1, &|one| of[one] == Some(number)))
                .collect();
            let firsts: Vec<f32> = (0..causes.len())
                .map(|number| {
                    let members = (0..of.len()).filter(|one| of[*one] == Some(number));
                    members.map(|one| self.seen[one].onset).fold(f32::MAX, f32::min)
                })
                .collect();
            for (one, seen) in self.seen.iter().enumerate() {
                let Some(from) = of[one] else { continue };
                if seen.onset > firsts[from] + weights::RELAY_FIRST {
                    continue;
                }
                for (other, by, link) in self.beside(one, &about) {
                    let Some(into) = of[other] else { continue };
                    if into == from
                        || worths[from] > weights::RELAY_WORTH
                        || causes[into].1 > causes[from].1 + 20.0
                        || by.onset > seen.onset + 40.0
                    {
                        continue;
                    }
                    let off = seen.onset - by.onset - weights::delay(&link.cause);
                    let likelihood = link.chance * weights::density(off, &link.cause, seen.signal.for_known) / self.background;
                    let gain = likelihood.ln();
                    if gain > weights::RELAY && best.is_none_or(|(most, ..)| gain > most) {
                        best = Some((gain, from, into));
                    }
                }
            }
            let Some((_, from, into)) = best else { break };
            for one in of.iter_mut().filter(|one| **one == Some(from)) {
                *one = Some(into);
            }
            causes[into].1 = causes[into].1.min(causes[from].1);
        }
    }

    /// What no cause explains may still be a consequence of what another observation says, above all about the same thing.
    pub(super) fn late(&self, of: &mut [Option<usize>]) {
        let before = of.to_vec();
        let about = self.about();
        for (one, seen) in self.seen.iter().enumerate().filter(|(one, _)| before[*one].is_none()) {
            let mut best: Option<(f32, usize)> = None;
            for (other, by, link) in self.beside(one, &about) {
                let Some(into) = before[other] else { continue };
                let off = seen.onset - by.onset - weights::delay(&link.cause);
                let density = if link.cause.way == Way::Itself && off > 0.0 {
                    (-off / weights::UNFOLD_SECONDS).exp() / weights::UNFOLD_SECONDS
                } else {
                    weights::density(off, &link.cause, seen.signal.for_known)
                };
                let gain = (link.chance * density / self.background).ln();
                let needed = if link.cause.way == Way::Itself {
                    weights::LATE_ITSELF
                } else {
                    weights::LATE
                };
                if gain > needed && best.is_none_or(|(most, _)| gain > most) {
                    best = Some((gain, into));
                }
            }
            of[one] = best.map(|(_, into)| into);
        }
    }
}
