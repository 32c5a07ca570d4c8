//! The life of one container, step by step, without clock or store: what happens next and when.

use std::time::Duration;

use jiff::Timestamp;

use crate::world::obj::after;

/// First delay before a container that failed twice in a row is started again.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// Longest such delay.
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// A container that ran this long starts with a clean slate (twice the longest delay, as the kubelet does).
const CLEAN_SLATE: Duration = Duration::from_secs(600);

/// State of a container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// The image is being pulled, the container created.
    Creating { until: Timestamp },
    /// The image cannot be had. `waiting` tells ErrImagePull (false) from ImagePullBackOff (true).
    NoImage { until: Timestamp, message: String, waiting: bool },
    /// The process lives.
    Running(Living),
    /// Waiting to be started again.
    CrashLoop { until: Timestamp, delay: Duration },
}

/// A living process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Living {
    pub(crate) since: Timestamp,
    /// When the readiness probe passes; `None` = never.
    pub(crate) ready_at: Option<Timestamp>,
    pub(crate) ready: bool,
    /// How and when it will end by itself.
    pub(crate) ends: Option<Ending>,
    /// When the next failing readiness probe is told.
    pub(crate) complain_at: Option<Timestamp>,
}

/// A death foretold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) at: Timestamp,
    pub(crate) exit_code: i32,
    pub(crate) reason: &'static str,
    pub(crate) log: Vec<String>,
}

/// How the last run ended, as `lastState.terminated` shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Last {
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) exit_code: i32,
    pub(crate) reason: &'static str,
    pub(crate) id: String,
}

/// One container of a running pod.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) restarts: u32,
    pub(crate) last: Option<Last>,
    /// Identifies the present (or newest) run.
    pub(crate) id: String,
    /// Delay that the next failure has to wait; `None` = none yet, restart at once.
    backoff: Option<Duration>,
    /// Failed pulls so far.
    pulls: u32,
}

/// What a container does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Start (or try to): pull done, back-off over.
    Start,
    /// The readiness probe passes.
    Ready,
    /// The process ends.
    End,
    /// The readiness probe fails once more.
    Complain,
    /// ErrImagePull turns to ImagePullBackOff.
    PullBackOff,
}

impl Cell {
    pub(crate) fn creating(name: &str, until: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Creating { until },
            restarts: 0,
            last: None,
            id: String::new(),
            backoff: None,
            pulls: 0,
        }
    }

    /// The next thing that happens by itself, and when.
    pub(crate) fn next(&self) -> Option<(Timestamp, Next)> {
        match &self.state {
            State::Creating { until } | State::CrashLoop { until, .. } => Some((*until, Next::Start)),
            State::NoImage { until, waiting, .. } => Some((*until, if *waiting { Next::Start } else { Next::PullBackOff })),
            State::Running(living) => {
                let ready = living.ready_at.filter(|_| !living.ready).map(|at| (at, Next::Ready));
                let end = living.ends.as_ref().map(|ending| (ending.at, Next::End));
                let complain = living.complain_at.map(|at| (at, Next::Complain));
                [end, ready, complain].into_iter().flatten().min_by_key(|(at, _)| *at)
            }
        }
    }

    /// Creating | CrashLoop | NoImage => Running
    pub(crate) fn start(&mut self, living: Living, id: String) {
        if self.last.is_some() {
            self.restarts += 1;
        }
        self.id = id;
        self.pulls = 0;
        self.state = State::Running(living);
    }

    /// Running => Creating (first failure after a long run) | CrashLoop
    pub(crate) fn fail(&mut self, ending: &Ending) {
        let State::Running(living) = &self.state else { return };
        let ran = ending.at.duration_since(living.since).unsigned_abs();
        self.last = Some(Last {
            started: living.since,
            ended: ending.at,
            exit_code: ending.exit_code,
            reason: ending.reason,
            id: self.id.clone(),
        });
        if ran >= CLEAN_SLATE {
            self.backoff = None;
        }
        match self.backoff {
            None => {
                self.backoff = Some(FIRST_BACKOFF);
                self.state = State::Creating {
                    until: after(ending.at, Duration::from_secs(1)),
                };
            }
            Some(delay) => {
                self.backoff = Some((delay * 2).min(LONGEST_BACKOFF));
                self.state = State::CrashLoop {
                    until: after(ending.at, delay),
                    delay,
                };
            }
        }
    }

    /// Creating | CrashLoop | NoImage => NoImage
    pub(crate) fn pull_failed(&mut self, at: Timestamp, message: String) {
        self.pulls += 1;
        self.state = State::NoImage {
            until: after(at, Duration::from_secs(2)),
            message,
            waiting: false,
        };
    }

    /// NoImage(ErrImagePull) => NoImage(ImagePullBackOff)
    pub(crate) fn pull_back_off(&mut self, at: Timestamp) {
        let delay = (FIRST_BACKOFF * 2_u32.saturating_pow(self.pulls.saturating_sub(1).min(10))).min(LONGEST_BACKOFF);
        if let State::NoImage { until, waiting, .. } = &mut self.state {
            *waiting = true;
            *until = after(at, delay);
        }
    }

    /// Gives a container the past of an older pod.
    pub(crate) fn with_past(mut self, restarts: u32, last: Option<Last>) -> Self {
        self.restarts = restarts;
        self.last = last;
        self
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(&self.state, State::Running(living) if living.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn run_and_fail(cell: &mut Cell, from: i64, to: i64) {
        let ending = Ending {
            at: at(to),
            exit_code: 1,
            reason: "Error",
            log: vec![],
        };
        let living = Living {
            since: at(from),
            ready_at: None,
            ready: false,
            ends: Some(ending.clone()),
            complain_at: None,
        };
        cell.start(living, String::new());
        cell.fail(&ending);
    }

    #[test]
    fn restart_delays_double_up_to_five_minutes_and_are_forgotten_after_a_long_run() {
        let mut cell = Cell::creating("app", at(0));
        let mut seen = Vec::new();
        let mut now = 1;
        for _ in 0..8 {
            run_and_fail(&mut cell, now, now + 2);
            let (next, what) = cell.next().unwrap();
            assert_eq!(what, Next::Start);
            seen.push(next.duration_since(at(now + 2)).as_secs());
            now = next.duration_since(at(0)).as_secs();
        }
        assert_eq!(seen, [1, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(cell.restarts, 7);
        run_and_fail(&mut cell, now, now + 700);
        assert!(matches!(cell.state, State::Creating { .. }), "a long run clears the slate");
    }

    #[test]
    fn a_missing_image_alternates_between_failing_and_backing_off() {
        let mut cell = Cell::creating("app", at(0));
        cell.pull_failed(at(0), "not found".to_owned());
        assert_eq!(cell.next(), Some((at(2), Next::PullBackOff)));
        cell.pull_back_off(at(2));
        assert_eq!(cell.next(), Some((at(12), Next::Start)));
        cell.pull_failed(at(12), "not found".to_owned());
        cell.pull_back_off(at(14));
        assert_eq!(cell.next(), Some((at(34), Next::Start)));
    }
}
