//! What was seen, and what was not, says whether trouble got to a component.

use super::{AT_ONCE, Delay, Footprint, Mark, REACHED, State, Tracer, Way, steps};

/// What is this sure is not asked about further.
const CERTAIN: f32 = 0.95;
/// More support than this changes nothing (natural logarithm).
const MOST_SUPPORT: f32 = 40.0;

impl Tracer<'_> {
    /// What was seen of a component says whether and when it was reached.
    pub(super) fn look(&mut self, mark: &mut Mark, footprint: &mut Footprint, explained: &[f32]) {
        if mark.way == Way::Itself && !mark.root {
            return self.turn(mark, footprint, explained);
        }
        let about = self.seen.about(mark.component);
        let mut best: Option<(f32, f32, usize)> = None;
        let mut shown = false;
        for one in about.clone() {
            let gain = mark.gain(&self.seen.all[one], &self.seen.background);
            if gain > REACHED {
                shown = true;
                let beyond = self.beyond(one, gain, explained);
                if beyond > 0.0 && best.is_none_or(|(most, ..)| beyond > most) {
                    best = Some((beyond, gain, one));
                }
            }
        }
        let since = self.seen.now - mark.time.mode;
        let Some((_, gain, first)) = best else {
            // What suffers from something else may suffer from this, too: only its neighbours tell.
            if !shown {
                let silent = self
                    .silences
                    .of_others(mark.state, mark.store, since, self.seen.present(mark.component));
                let missed = mark.chance * (1.0 - silent);
                let chance = (mark.chance * silent / (1.0 - missed)).clamp(0.0, 1.0);
                footprint.absent += (1.0 - missed).ln();
                mark.chance = chance;
            }
            self.infer(mark, 0.0, footprint, explained);
            return;
        };
        footprint.absent += self
            .silences
            .of_others(mark.state, mark.store, since, self.seen.present(mark.component))
            .ln();
        self.gain(first, gain, footprint);
        // That it was reached at all is paid for once: by the first, and by what says the same.
        let chance = mark.chance;
        mark.seen = true;
        mark.chance = 1.0;
        if !mark.root {
            mark.time = Delay {
                mode: self.seen.all[first].onset,
                ..AT_ONCE
            };
        }
        for one in about {
            if one != first {
                let alike = self.seen.all[one].class == self.seen.all[first].class;
                let paid = if alike { chance } else { 1.0 };
                let gain = Mark { chance: paid, ..*mark }.gain(&self.seen.all[one], &self.seen.background);
                if gain > 0.0 {
                    self.gain(one, gain, footprint);
                }
            }
        }
    }

    /// A component that has trouble already may get into more of it: only what it shows beyond the first tells, and its neighbours.
    fn turn(&mut self, mark: &mut Mark, footprint: &mut Footprint, explained: &[f32]) {
        let sure = Mark { chance: 1.0, ..*mark };
        let about = self.seen.about(mark.component);
        let gain = |one: usize| sure.gain(&self.seen.all[one], &self.seen.background);
        let more = |one: usize| self.beyond(one, gain(one), explained);
        let own = about.clone().map(more).fold(0.0, f32::max);
        let since = self.seen.now - mark.time.mode;
        let silent = self
            .silences
            .of_others(mark.state, mark.store, since, self.seen.present(mark.component));
        self.infer(mark, own + silent.ln(), footprint, explained);
        if mark.chance < 1.0 {
            return;
        }
        mark.seen = own > 0.0;
        for one in about {
            let gain = gain(one);
            if gain > 0.0 {
                self.gain(one, gain, footprint);
            }
        }
    }

    /// What a mark that shows nothing itself does to its neighbours may tell whether it is there: that costs its chance once, not once
    /// for each of them.
    fn infer(&mut self, mark: &mut Mark, own: f32, footprint: &mut Footprint, explained: &[f32]) {
        if mark.chance > CERTAIN {
            return;
        }
        let mut support = own;
        let mut work = 0;
        steps(self.graph, mark.component, mark.state, mark.calls, &mut |step| {
            work += 1;
            let slot = step.to as usize * State::COUNT + step.state as usize;
            if self.reached[slot] != self.round {
                let there = Mark {
                    component: step.to,
                    state: step.state,
                    chance: step.chance,
                    time: mark.time.then(step.delay),
                    root: false,
                    store: self.graph.is_store(step.to),
                    ..*mark
                };
                support += self.likelihood(&there, explained);
            }
        });
        self.work += work;
        let there = mark.chance * support.min(MOST_SUPPORT).exp();
        let not = 1.0 - mark.chance;
        if there > not {
            footprint.absent += mark.chance.ln();
            mark.chance = 1.0;
        } else {
            footprint.absent += (there + not).ln();
            mark.chance = there / (there + not);
        }
    }

    /// How well a mark explains what is seen, and what is not seen, of its component beyond what is explained already (natural logarithm).
    fn likelihood(&self, mark: &Mark, explained: &[f32]) -> f32 {
        let about = self.seen.about(mark.component);
        if about.is_empty() {
            let since = self.seen.now - mark.time.mode;
            let silent = self
                .silences
                .of_others(mark.state, mark.store, since, self.seen.present(mark.component));
            return (1.0 - mark.chance * (1.0 - silent)).ln();
        }
        let gain = |one: usize| self.beyond(one, mark.gain(&self.seen.all[one], &self.seen.background), explained);
        about.map(gain).fold(0.0, f32::max)
    }

    /// How much more this explains of an observation than others and the footprint itself do so far (natural logarithm); what others do is
    /// noted, because the footprint depends on it.
    pub(super) fn beyond(&self, one: usize, gain: f32, explained: &[f32]) -> f32 {
        if gain <= 0.0 {
            return gain;
        }
        let others = explained[one].max(0.0);
        self.notes.borrow_mut().note(one, others);
        gain - others.max(self.known(one))
    }

    /// What the footprint itself explains of an observation by now.
    fn known(&self, one: usize) -> f32 {
        let (round, gain) = self.gained[one];
        if round == self.round { gain } else { 0.0 }
    }

    fn gain(&mut self, one: usize, gain: f32, footprint: &mut Footprint) {
        let (round, most) = self.gained[one];
        if round != self.round {
            self.gained[one] = (self.round, gain);
            footprint.gains.push((u32::try_from(one).unwrap_or(u32::MAX), gain));
        } else if gain > most {
            self.gained[one].1 = gain;
        }
    }
}
