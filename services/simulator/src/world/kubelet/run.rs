//! The life of one container, step by step, without clock or store: what happens next and when.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::world::obj::{self, after};

/// First delay before a container that failed twice in a row is started again.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// Longest such delay.
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// Time until a container without its configuration is tried again (the kubelet's sync period is a minute with jitter; a
/// change of the referred object is noticed earlier).
const CONFIG_RETRY: Duration = Duration::from_secs(15);
/// A container that ran this long starts with a clean slate (twice the longest delay, as the kubelet does).
const CLEAN_SLATE: Duration = Duration::from_secs(600);

/// When the kubelet starts a container again that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Whatever its exit code was.
    Always,
    /// Only after a failure.
    OnFailure,
    /// Never.
    Never,
}

impl Restart {
    /// Of the containers of a pod.
    pub(crate) fn of(pod: &Value) -> Self {
        match obj::text(pod, "/spec/restartPolicy") {
            "Never" => Self::Never,
            "OnFailure" => Self::OnFailure,
            _ => Self::Always,
        }
    }

    /// Of an init container: it has to succeed once, unless it is a sidecar.
    pub(crate) fn of_init(pod: &Value, container: &Value) -> Self {
        if container["restartPolicy"] == "Always" {
            return Self::Always;
        }
        match Self::of(pod) {
            Self::Never => Self::Never,
            Self::Always | Self::OnFailure => Self::OnFailure,
        }
    }

    fn again(self, exit_code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => exit_code != 0,
            Self::Never => false,
        }
    }
}

/// State of a container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// Waits until the init containers before it are done.
    Held,
    /// The image is being pulled, the container created.
    Creating { until: Timestamp },
    /// The image cannot be had. `waiting` tells ErrImagePull (false) from ImagePullBackOff (true).
    NoImage { until: Timestamp, message: String, waiting: bool },
    /// Something its environment refers to is not there.
    NoConfig { until: Timestamp, message: String },
    /// The process lives.
    Running(Living),
    /// Waiting to be started again.
    CrashLoop { until: Timestamp, delay: Duration },
    /// Ended for good; `last` says how.
    Done,
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
    /// What the liveness probe said, when the kubelet kills it.
    pub(crate) unhealthy: Option<String>,
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
    /// `resources` that the node has set aside for it.
    pub(crate) allocated: Value,
    /// `resources` that hold for its processes.
    pub(crate) actual: Value,
    /// Since when something it needs cannot be reached, and what the probe says.
    pub(crate) cut: Option<(Timestamp, String)>,
    /// That has lasted too long: its readiness probe has failed.
    pub(crate) failed_probe: bool,
    /// An init container.
    pub(crate) init: bool,
    /// Whether it is started again.
    pub(crate) restart: Restart,
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
            allocated: Value::Null,
            actual: Value::Null,
            cut: None,
            failed_probe: false,
            init: false,
            restart: Restart::Always,
            backoff: None,
            pulls: 0,
        }
    }

    /// The same container in another role.
    pub(crate) fn role(mut self, init: bool, restart: Restart) -> Self {
        self.init = init;
        self.restart = restart;
        self
    }

    /// The same container with what its spec asks for.
    pub(crate) fn given(mut self, spec: &Value) -> Self {
        self.allocated = spec["resources"].clone();
        self.actual = self.allocated.clone();
        self
    }

    /// The next thing that happens by itself, and when.
    pub(crate) fn next(&self) -> Option<(Timestamp, Next)> {
        match &self.state {
            State::Held | State::Done => None,
            State::Creating { until } | State::CrashLoop { until, .. } | State::NoConfig { until, .. } => Some((*until, Next::Start)),
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

    /// Running => Done | Creating (first failure after a long run) | CrashLoop
    pub(crate) fn end(&mut self, ending: &Ending) {
        let State::Running(living) = &self.state else { return };
        let ran = ending.at.duration_since(living.since).unsigned_abs();
        self.last = Some(Last {
            started: living.since,
            ended: ending.at,
            exit_code: ending.exit_code,
            reason: ending.reason,
            id: self.id.clone(),
        });
        if !self.restart.again(ending.exit_code) {
            self.state = State::Done;
            return;
        }
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

    /// Creating | CrashLoop | NoConfig => NoConfig
    pub(crate) fn no_config(&mut self, at: Timestamp, message: String) {
        self.state = State::NoConfig {
            until: after(at, CONFIG_RETRY),
            message,
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

    /// True when it needs nothing more to let the containers after it start.
    pub(crate) fn passed(&self) -> bool {
        match (&self.state, self.restart) {
            (State::Done, _) => self.succeeded(),
            (State::Running(_), Restart::Always) => true,
            _ => false,
        }
    }

    /// Ended for good with exit code 0.
    pub(crate) fn succeeded(&self) -> bool {
        self.state == State::Done && self.last.as_ref().is_some_and(|last| last.exit_code == 0)
    }

    pub(crate) fn is_ready(&self) -> bool {
        !self.failed_probe && matches!(&self.state, State::Running(living) if living.ready)
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
            unhealthy: None,
        };
        let living = Living {
            since: at(from),
            ready_at: None,
            ready: false,
            ends: Some(ending.clone()),
            complain_at: None,
        };
        cell.start(living, String::new());
        cell.end(&ending);
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
    fn a_container_that_need_not_be_restarted_is_done() {
        for (restart, exit_code, done) in [
            (Restart::Never, 1, true),
            (Restart::OnFailure, 0, true),
            (Restart::OnFailure, 1, false),
            (Restart::Always, 0, false),
        ] {
            let mut cell = Cell::creating("app", at(0)).role(false, restart);
            let ending = Ending {
                at: at(5),
                exit_code,
                reason: "Completed",
                log: vec![],
                unhealthy: None,
            };
            let living = Living {
                since: at(1),
                ready_at: None,
                ready: false,
                ends: Some(ending.clone()),
                complain_at: None,
            };
            cell.start(living, String::new());
            cell.end(&ending);
            assert_eq!(cell.state == State::Done, done, "{restart:?} {exit_code}");
        }
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
