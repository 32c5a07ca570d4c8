//! Simulated time: one clock that every object, event, log line and metric is stamped with.
//!
//! A clock is either *manual* (it moves only by [`SimClock::advance`]; tests and the warm-up of a scenario) or
//! *running* (it follows the wall clock multiplied by a speed). A manual clock can be set running with
//! [`SimClock::resume`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A shared handle to simulated time; clones show the same time.
#[derive(Clone, Debug)]
pub struct SimClock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    face: Mutex<Face>,
    /// Bumped on every jump or change of pace, so that sleepers look again.
    moved: watch::Sender<u64>,
}

/// How to read the clock: simulated `base` was shown at wall instant `since`.
#[derive(Clone, Copy, Debug)]
struct Face {
    base: Timestamp,
    pace: Pace,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    Manual,
    Running { since: Instant, speed: f64 },
}

impl SimClock {
    /// A clock that starts at `origin` now and runs `speed` simulated seconds per wall second.
    pub fn start(origin: Timestamp, speed: f64) -> Self {
        let clock = Self::manual(origin);
        clock.resume(speed);
        clock
    }

    /// A clock that stands at `origin` until it is advanced or resumed.
    pub fn manual(origin: Timestamp) -> Self {
        let (moved, _) = watch::channel(0);
        let face = Face {
            base: origin,
            pace: Pace::Manual,
        };
        Self {
            inner: Arc::new(Inner {
                face: Mutex::new(face),
                moved,
            }),
        }
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        read(&self.face())
    }

    /// Simulated seconds per wall second; `None` for a manual clock.
    pub fn speed(&self) -> Option<f64> {
        match self.face().pace {
            Pace::Manual => None,
            Pace::Running { speed, .. } => Some(speed),
        }
    }

    /// Lets the clock follow the wall clock from the time it shows now, at `speed` (at least 0.001).
    pub fn resume(&self, speed: f64) {
        {
            let mut face = self.face();
            let base = read(&face);
            *face = Face {
                base,
                pace: Pace::Running {
                    since: Instant::now(),
                    speed: speed.max(0.001),
                },
            };
        }
        self.announce();
    }

    /// Moves a manual clock forward by a simulated duration and wakes the sleepers it passes.
    /// A running clock jumps ahead by the same amount.
    pub fn advance(&self, by: Duration) {
        {
            let mut face = self.face();
            face.base = plus(face.base, by);
        }
        self.announce();
    }

    /// Moves a manual clock forward to `time`; a time in the past changes nothing.
    pub fn advance_to(&self, time: Timestamp) {
        let now = self.now();
        if time > now {
            self.advance(time.duration_since(now).unsigned_abs());
        }
    }

    /// Sleeps for a simulated duration.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(plus(self.now(), duration)).await;
    }

    /// Sleeps until the clock shows `deadline`.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        let mut moved = self.inner.moved.subscribe();
        loop {
            moved.mark_unchanged();
            let face = *self.face();
            let now = read(&face);
            if now >= deadline {
                return;
            }
            let left = deadline.duration_since(now).unsigned_abs();
            match face.pace {
                // The sender lives as long as `self`, so `changed` cannot fail while we wait.
                Pace::Manual => moved.changed().await.expect("the clock outlives its sleepers"),
                Pace::Running { speed, .. } => {
                    let wall = left.div_f64(speed).max(Duration::from_millis(1));
                    tokio::select! {
                        () = tokio::time::sleep(wall) => {}
                        _ = moved.changed() => {}
                    }
                }
            }
        }
    }

    fn face(&self) -> MutexGuard<'_, Face> {
        self.inner.face.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self) {
        self.inner.moved.send_modify(|n| *n = n.wrapping_add(1));
    }
}

fn read(face: &Face) -> Timestamp {
    match face.pace {
        Pace::Manual => face.base,
        Pace::Running { since, speed } => plus(face.base, since.elapsed().mul_f64(speed)),
    }
}

/// Adds, stopping at the end of representable time (year 9999) instead of failing.
fn plus(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test owns the tasks it spawns")]
mod tests {
    use super::*;

    fn origin() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a valid timestamp")
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_the_sleepers_it_passes_and_no_others() {
        let clock = SimClock::manual(origin());
        let early = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(10)).await }
        });
        let late = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(3600)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(11));
        early.await.expect("the early sleeper wakes");
        assert!(!late.is_finished());
        late.abort();
        assert_eq!(clock.now(), "2026-01-01T00:00:11Z".parse().expect("a valid timestamp"));
    }

    #[tokio::test]
    async fn a_manual_clock_can_be_set_running() {
        let clock = SimClock::manual(origin());
        clock.resume(3600.0);
        let before = clock.now();
        assert!(before >= origin());
        clock.advance(Duration::from_secs(60));
        assert!(clock.now() >= plus(before, Duration::from_secs(60)));
    }

    #[tokio::test]
    async fn a_fast_clock_sleeps_shorter_than_the_wall() {
        let clock = SimClock::start(origin(), 36_000.0);
        clock.sleep(Duration::from_secs(360)).await;
        assert!(clock.now() >= plus(origin(), Duration::from_secs(360)));
    }
}
