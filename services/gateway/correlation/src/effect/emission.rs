//! Which alerts a component in trouble makes, and what it says that it makes none.

use super::State;
use crate::class::Class;

/// Chances of at least one alert of each class from a component in a state: of a service, and of a store.
struct Row(State, [f32; Class::COUNT], [f32; Class::COUNT]);

/// Nothing of a class is ever impossible.
const O: f32 = 0.006;
/// Nor sure: one alert in twenty gets lost (storms.md 5.4), and not everything has a rule.
const MOST: f32 = 0.9;

/// In the order of the states. Where faults and what follows from them show as in the templates of storms.md's sources; what depends on
/// how often which of several faults happens was counted on seeds 0 to 99 of the storm benchmark.
#[rustfmt::skip]
const ROWS: [Row; State::COUNT] = [
    //                       Own   Crash Unrdy Error Slow  Load  Starv Hungr Idle  Unsee Namin Exhau Chron
    Row(State::Broken,     [0.90, 0.30, 0.35, 0.05, 0.05, 0.02, 0.02, 0.02, 0.05, 0.40,    O,    O, 0.02],
                           [0.90, 0.30, 0.35, 0.05, 0.05, 0.02, 0.02, 0.02, 0.05, 0.40,    O,    O, 0.02]),
    Row(State::Down,       [0.06, 0.70, 0.90, 0.10, 0.06, 0.02, 0.03, 0.02, 0.55, 0.48,    O,    O,    O],
                           [0.85, 0.70, 0.90, 0.15, 0.03, 0.02, 0.03, 0.02, 0.02, 0.48,    O,    O,    O]),
    Row(State::Faulty,     [0.85, 0.85, 0.70, 0.80, 0.25, 0.02, 0.03, 0.03, 0.02, 0.03,    O,    O,    O],
                           [0.85, 0.85, 0.60, 0.15, 0.03, 0.02, 0.03, 0.03, 0.02, 0.03,    O,    O,    O]),
    Row(State::Expired,    [0.90, 0.01, 0.02, 0.85, 0.02, 0.02, 0.03, 0.01, 0.65, 0.03,    O,    O,    O],
                           [0.90, 0.01, 0.02, 0.60, 0.02, 0.02, 0.03, 0.01, 0.02, 0.03,    O,    O,    O]),
    Row(State::Sluggish,   [0.03, 0.01, 0.01, 0.05, 0.88, 0.05, 0.45, 0.38, 0.01, 0.01,    O,    O, 0.01],
                           [0.55, 0.01, 0.01, 0.03, 0.35, 0.12, 0.40, 0.05, 0.01, 0.01,    O,    O, 0.01]),
    Row(State::CutOff,     [0.02, 0.02, 0.38, 0.03, 0.02, 0.01, 0.02, 0.01, 0.85, 0.48,    O,    O,    O],
                           [0.02, 0.02, 0.38, 0.02, 0.02, 0.01, 0.02, 0.01, 0.02, 0.48,    O,    O,    O]),
    Row(State::Misleading, [0.03, 0.01, 0.01, 0.03, 0.38, 0.08, 0.03, 0.01, 0.02, 0.01,    O,    O,    O],
                           [0.03, 0.01, 0.01, 0.03, 0.20, 0.08, 0.03, 0.01, 0.02, 0.01,    O,    O,    O]),
    Row(State::Misled,     [0.03, 0.38, 0.03, 0.90, 0.30, 0.02, 0.03, 0.01, 0.02, 0.01,    O, 0.01,    O],
                           [0.10, 0.38, 0.03, 0.10, 0.10, 0.02, 0.03, 0.01, 0.02, 0.01,    O, 0.01,    O]),
    Row(State::Failing,    [0.06, 0.09, 0.14, 0.86, 0.54, 0.06, 0.08, 0.01, 0.03,    O,    O, 0.08,    O],
                           [0.04, 0.09, 0.14, 0.10, 0.10, 0.10, 0.08, 0.01, 0.02,    O,    O, 0.02,    O]),
    Row(State::Slowed,     [0.03, 0.01, 0.01, 0.38, 0.88, 0.06, 0.08, 0.01, 0.01,    O,    O, 0.08,    O],
                           [0.04, 0.01, 0.01, 0.05, 0.20, 0.10, 0.08, 0.01, 0.01,    O,    O, 0.02,    O]),
    Row(State::Flooded,    [0.01, 0.01, 0.01, 0.42, 0.85, 0.90, 0.80, 0.05, 0.01,    O,    O, 0.01,    O],
                           [0.20, 0.01, 0.01, 0.05, 0.30, 0.60, 0.50, 0.05, 0.01,    O,    O, 0.01,    O]),
    Row(State::Loaded,     [0.01, 0.01, 0.01, 0.16, 0.50, 0.88, 0.25, 0.02, 0.01,    O,    O, 0.01,    O],
                           [0.30, 0.01, 0.01, 0.02, 0.18, 0.50, 0.05, 0.02, 0.01,    O,    O, 0.01,    O]),
    Row(State::Overrun,    [0.01, 0.01, 0.01, 0.85, 0.30, 0.30, 0.05, 0.02, 0.01,    O,    O, 0.01,    O],
                           [0.05, 0.01, 0.01, 0.02, 0.10, 0.10, 0.02, 0.02, 0.01,    O,    O, 0.01,    O]),
    Row(State::Burdened,   [0.01, 0.01, 0.01, 0.02, 0.48, 0.88, 0.25, 0.01, 0.01,    O,    O, 0.01,    O],
                           [0.30, 0.01, 0.01, 0.02, 0.18, 0.50, 0.05, 0.01, 0.01,    O,    O, 0.01,    O]),
    Row(State::Starved,    [O,       O,    O, 0.01, 0.01, 0.01, 0.01, 0.01, 0.85, 0.01,    O,    O,    O],
                           [O,       O,    O, 0.01, 0.01, 0.01, 0.01, 0.01, 0.10, 0.01,    O,    O,    O]),
    Row(State::Dark,       [O,       O,    O,    O,    O,    O,    O, 0.01, 0.36, 0.50,    O,    O,    O],
                           [O,       O,    O,    O,    O,    O,    O, 0.01, 0.03, 0.50,    O,    O,    O]),
    Row(State::Bereft,     [0.01, 0.01, 0.90, 0.34, 0.17, 0.02, 0.02, 0.01, 0.02, 0.02,    O,    O,    O],
                           [0.85, 0.01, 0.90, 0.02, 0.02, 0.02, 0.02, 0.01, 0.02, 0.02,    O,    O,    O]),
    Row(State::Crowded,    [0.01, 0.01, 0.13, 0.04, 0.85, 0.02, 0.38, 0.01, 0.01,    O,    O,    O,    O],
                           [0.01, 0.01, 0.13, 0.02, 0.06, 0.02, 0.38, 0.01, 0.01,    O,    O,    O,    O]),
    Row(State::Greedy,     [0.01, 0.01, 0.01, 0.04, 0.12, 0.05, 0.10, 0.90, 0.01,    O,    O,    O,    O],
                           [0.01, 0.01, 0.01, 0.02, 0.10, 0.05, 0.10, 0.90, 0.01,    O,    O,    O,    O]),
    Row(State::Leaking,    [0.01, 0.01, 0.01, 0.88, 0.88, 0.03, 0.05, 0.02, 0.01,    O,    O, 0.85,    O],
                           [0.01, 0.01, 0.01, 0.30, 0.30, 0.10, 0.05, 0.02, 0.01,    O,    O, 0.50,    O]),
    Row(State::Drained,    [0.03, 0.01, 0.01, 0.05, 0.10, 0.60, 0.03, 0.01, 0.01,    O,    O, 0.05,    O],
                           [0.05, 0.01, 0.01, 0.02, 0.05, 0.90, 0.03, 0.01, 0.01,    O,    O, 0.02,    O]),
    Row(State::Short,      [0.10, 0.01, 0.01, 0.20, 0.20, 0.60, 0.03, 0.01, 0.01,    O,    O, 0.05,    O],
                           [0.85, 0.01, 0.01, 0.05, 0.05, 0.85, 0.03, 0.01, 0.01,    O,    O, 0.02,    O]),
    Row(State::Queueing,   [0.06, 0.02, 0.03, 0.90, 0.12, 0.03, 0.03, 0.01, 0.01,    O,    O, 0.50,    O],
                           [0.01, 0.02, 0.03, 0.20, 0.12, 0.05, 0.03, 0.01, 0.01,    O,    O, 0.40,    O]),
    Row(State::Lost,       [0.90, 0.01, 0.88, 0.01, 0.01, 0.03, 0.01, 0.01, 0.01, 0.56,    O,    O, 0.01],
                           [0.90, 0.01, 0.88, 0.01, 0.01, 0.03, 0.01, 0.01, 0.01, 0.56,    O,    O, 0.01]),
    Row(State::Blackout,   [0.05, 0.01, 0.05, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.05,    O,    O,    O],
                           [0.05, 0.01, 0.05, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.05,    O,    O,    O]),
    Row(State::Busy,       [0.01, 0.01, 0.03, 0.01, 0.01, 0.90, 0.15, 0.10, 0.01, 0.01,    O,    O, 0.01],
                           [0.01, 0.01, 0.03, 0.01, 0.01, 0.90, 0.15, 0.10, 0.01, 0.01,    O,    O, 0.01]),
    Row(State::Nameless,   [0.01, 0.01, 0.02, 0.48, 0.57, 0.01, 0.01, 0.01, 0.02,    O, 0.48,    O,    O],
                           [0.01, 0.01, 0.02, 0.10, 0.10, 0.01, 0.01, 0.01, 0.02,    O, 0.10,    O,    O]),
    Row(State::Ailing,     [0.05, 0.01, 0.01, 0.50, 0.50, 0.02, 0.03, 0.02, 0.01, 0.01,    O, 0.01,    O],
                           [0.20, 0.01, 0.01, 0.20, 0.30, 0.05, 0.03, 0.02, 0.01, 0.01,    O, 0.01,    O]),
    Row(State::Affected,   [0.02, 0.01, 0.01, 0.35, 0.35, 0.02, 0.02, 0.01, 0.01,    O,    O, 0.02,    O],
                           [0.02, 0.01, 0.01, 0.05, 0.10, 0.02, 0.02, 0.01, 0.01,    O,    O, 0.01,    O]),
];

/// Rows are looked up by the number of the state.
const _: () = {
    let mut number = 0;
    while number < State::COUNT {
        assert!(ROWS[number].0 as usize == number);
        number += 1;
    }
};

/// Chance of at least one alert of this class from a component in this state.
pub(crate) fn emits(state: State, store: bool, class: Class) -> f32 {
    row(state, store)[class as usize]
}

fn row(state: State, store: bool) -> &'static [f32; Class::COUNT] {
    let Row(_, service, of_store) = &ROWS[state as usize];
    if store { of_store } else { service }
}

/// Seconds from an onset until rules of this class have mostly fired: their usual `for`, a scrape and an evaluation.
fn waits(class: Class) -> f32 {
    match class {
        Class::Exhausted => 120.0,
        Class::Error => 180.0,
        Class::Own | Class::Slow | Class::Naming | Class::Hungry => 210.0,
        Class::Load | Class::Idle => 360.0,
        Class::Unseen => 700.0,
        Class::Crash | Class::Unready | Class::Starving | Class::Chronic => 980.0,
    }
}

/// Over how many seconds more the rest of them fires.
const MORE: f32 = 60.0;
/// Times are told apart by so many seconds, up to so many of them: after that all rules have fired.
const APART: f32 = 20.0;
const MOMENTS: usize = 53;

/// What it says that a component makes no alert, or none of some class: chances, worked out once.
#[derive(Debug)]
pub(crate) struct Silences {
    /// Of no alert at all, by state, kind of component and time since it got into the state.
    whole: Vec<[f32; MOMENTS]>,
}

impl Silences {
    pub(crate) fn new() -> Self {
        let of = |number: usize| -> [f32; MOMENTS] {
            let Row(_, service, store) = &ROWS[number / 2];
            std::array::from_fn(|moment| silence(if number % 2 == 1 { store } else { service }, moment, 0))
        };
        Self {
            whole: (0..State::COUNT * 2).map(of).collect(),
        }
    }

    /// Chance of no alert at all, `since` seconds after the component got into the state.
    fn whole(&self, state: State, store: bool, since: f32) -> f32 {
        self.whole[state as usize * 2 + usize::from(store)][moment(since)]
    }

    /// Chance of none of the classes that are not in `present` (a bit for each class).
    pub(crate) fn of_others(&self, state: State, store: bool, since: f32, present: u16) -> f32 {
        match present {
            0 => self.whole(state, store, since),
            _ => silence(row(state, store), moment(since), present),
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of an hour")]
fn moment(since: f32) -> usize {
    ((since / APART).max(0.0) as usize).min(MOMENTS - 1)
}

fn silence(row: &[f32; Class::COUNT], moment: usize, present: u16) -> f32 {
    #[allow(clippy::cast_precision_loss, reason = "a few of them")]
    let since = moment as f32 * APART;
    let absent = Class::ALL.iter().filter(|class| present & class.bit() == 0);
    let none_of = |class: &Class| {
        let waited = ((since - waits(*class)) / MORE).clamp(0.0, 1.0);
        1.0 - row[*class as usize].min(MOST) * waited
    };
    absent.map(none_of).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_impossible_or_sure() {
        for Row(state, service, store) in &ROWS {
            assert!(service.iter().chain(store).all(|chance| (0.001..1.0).contains(chance)), "{state:?}");
        }
    }

    #[test]
    fn silence_says_nothing_until_the_rules_had_time_to_fire() {
        let silences = Silences::new();
        let early = silences.whole(State::Lost, false, 100.0);
        let late = silences.whole(State::Lost, false, 1_200.0);
        assert!(early > 0.98, "{early}");
        assert!(late < 0.1, "{late}");
    }
}
