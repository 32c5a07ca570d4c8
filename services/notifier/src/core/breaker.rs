//! A channel's circuit breaker: after several failures that may pass, in a row, nobody is asked for a while, then one message tries.
//!
//! Each message has its own pauses, but a storm has hundreds of them: a provider that is down needs no hundred tries a minute.

use std::time::Duration;

use jiff::Timestamp;

/// Failures in a row that open it.
const FAULTS: u32 = 5;
/// Shortest and longest time for which it is open; doubled each time that the one try fails.
const OPEN: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5 * 60));

/// Whether a provider is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// It works, or nobody knows better.
    Closed { faults: u32 },
    /// Nobody asks until then.
    Open { until: Timestamp, tripped: u32 },
    /// One message tries since then; should its worker die, another does after as long a time as it would be open.
    HalfOpen { since: Timestamp, tripped: u32 },
}

/// What a message does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It tries.
    Go,
    /// It waits.
    Wait(Duration),
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed { faults: 0 },
        }
    }
}

impl Breaker {
    /// Whether a message may try now; whoever may must say how it went.
    // Open => HalfOpen
    pub fn ask(&mut self, now: Timestamp) -> Permit {
        match self.state {
            State::Closed { .. } => Permit::Go,
            State::Open { until, .. } if now < until => Permit::Wait(until.duration_since(now).unsigned_abs()),
            State::HalfOpen { since, tripped } if now < after(since, pause(tripped)) => {
                Permit::Wait(after(since, pause(tripped)).duration_since(now).unsigned_abs())
            }
            State::Open { tripped, .. } | State::HalfOpen { tripped, .. } => {
                self.state = State::HalfOpen { since: now, tripped };
                Permit::Go
            }
        }
    }

    /// The provider took a message, or refused that one for good: it is there.
    // any => Closed
    pub fn answered(&mut self) {
        self.state = State::Closed { faults: 0 };
    }

    /// It did not; `after`: how long it wants to be left alone.
    // Closed => Closed | Open, HalfOpen => Open
    pub fn failed(&mut self, now: Timestamp, wants: Option<Duration>) {
        let open = |tripped: u32| State::Open {
            until: after(now, pause(tripped).max(wants.unwrap_or_default())),
            tripped,
        };
        self.state = match self.state {
            State::Closed { faults } if faults + 1 < FAULTS => State::Closed { faults: faults + 1 },
            State::Closed { .. } => open(1),
            State::HalfOpen { tripped, .. } => open(tripped.saturating_add(1)),
            // a try that began before it opened
            State::Open { until, tripped } => State::Open { until, tripped },
        };
    }

    /// Whether messages wait.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }
}

fn pause(tripped: u32) -> Duration {
    OPEN.0.saturating_mul(1 << tripped.saturating_sub(1).min(10)).min(OPEN.1)
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + seconds).unwrap()
    }

    #[test]
    fn five_failures_open_it_one_try_closes_it_or_doubles_the_pause() {
        let mut breaker = Breaker::default();
        for second in 0..5 {
            assert_eq!(breaker.ask(at(second)), Permit::Go);
            breaker.failed(at(second), None);
        }
        assert_eq!(breaker.ask(at(4)), Permit::Wait(Duration::from_secs(15)));
        assert_eq!(breaker.ask(at(19)), Permit::Go);
        assert_eq!(
            breaker.ask(at(19)),
            Permit::Wait(Duration::from_secs(15)),
            "one try, not all of them"
        );
        breaker.failed(at(20), None);
        assert_eq!(breaker.ask(at(20)), Permit::Wait(Duration::from_secs(30)));
        assert_eq!(breaker.ask(at(50)), Permit::Go);
        breaker.answered();
        assert!(!breaker.is_open());
        assert_eq!(breaker.ask(at(50)), Permit::Go);
    }

    #[test]
    fn a_provider_that_wants_to_be_left_alone_is() {
        let mut breaker = Breaker::default();
        for _fault in 0..5 {
            breaker.failed(at(0), Some(Duration::from_secs(120)));
        }
        assert_eq!(breaker.ask(at(0)), Permit::Wait(Duration::from_secs(120)));
    }

    proptest! {
        /// Whatever happens, a message waits a bounded time, and of those that ask while it is open one tries per pause.
        #[test]
        fn nobody_waits_for_ever_and_a_dead_provider_is_left_alone(steps in prop::collection::vec((0..40i64, 0..3u8), 1..200)) {
            let mut breaker = Breaker::default();
            let mut now = 0;
            let mut tries: Vec<i64> = Vec::new();
            for (pass, what) in steps {
                now += pass;
                let was_open = breaker.is_open();
                match breaker.ask(at(now)) {
                    Permit::Go => {
                        if was_open {
                            if let Some(last) = tries.last() { prop_assert!(now - last >= 15, "{tries:?} {now}"); }
                            tries.push(now);
                        } else {
                            tries.clear();
                        }
                        match what { 0 => breaker.answered(), _ => breaker.failed(at(now), None) }
                    }
                    Permit::Wait(wait) => prop_assert!(wait <= OPEN.1),
                }
            }
        }
    }
}
