//! Clocks: the wall's, a faster one for drills, and one that tests move by hand.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use paramedic_bus::Now;
use tokio::sync::watch;

/// A source of time, cheap to clone. Decisions get its readings as arguments and never read it themselves.
#[derive(Clone)]
pub struct Clock(Inner);

#[derive(Clone)]
enum Inner {
    System,
    Scaled {
        epoch: Timestamp,
        speed: f64,
    },
    Manual {
        now: Arc<Mutex<Timestamp>>,
        moved: watch::Sender<()>,
    },
}

impl Clock {
    /// The wall clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Inner::System)
    }

    /// A clock that agrees with the wall clock at `epoch` and runs `speed` times as fast: every process of a practice
    /// range that is given the same two numbers reads the same time, also after a restart.
    ///
    /// # Panics
    /// When `speed` is not a positive number.
    #[must_use]
    pub fn scaled(epoch: Timestamp, speed: f64) -> Self {
        assert!(speed.is_finite() && speed > 0.0, "speed must be a positive number, not {speed}");
        Self(Inner::Scaled { epoch, speed })
    }

    /// A clock that stands at `origin` until [`Clock::advance`].
    #[must_use]
    pub fn manual(origin: Timestamp) -> Self {
        Self(Inner::Manual {
            now: Arc::new(Mutex::new(origin)),
            moved: watch::Sender::new(()),
        })
    }

    /// Moves a manual clock; any other clock stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Inner::Manual { now, moved } = &self.0 {
            {
                let mut now = now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *now = after(*now, by);
            }
            moved.send_replace(());
        }
    }

    /// The present.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Inner::System => Timestamp::now(),
            Inner::Scaled { epoch, speed } => {
                let passed = Timestamp::now().duration_since(*epoch);
                epoch.checked_add(passed.mul_f64(*speed)).unwrap_or(Timestamp::MAX)
            }
            Inner::Manual { now, .. } => *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }

    /// Waits until `span` of this clock's time has passed.
    pub async fn sleep(&self, span: Duration) {
        let Inner::Manual { moved, .. } = &self.0 else {
            return tokio::time::sleep(self.wall(span)).await;
        };
        let mut moved = moved.subscribe();
        let due = after(self.now(), span);
        while self.now() < due {
            if moved.changed().await.is_err() {
                return;
            }
        }
    }

    /// Real time that `span` of this clock's time takes. A manual clock's delays end at once: what waits looks at the
    /// clock again and waits on.
    #[must_use]
    pub fn wall(&self, span: Duration) -> Duration {
        match &self.0 {
            Inner::System => span,
            Inner::Scaled { speed, .. } => span.div_f64(*speed),
            Inner::Manual { .. } => span.min(Duration::from_millis(20)),
        }
    }
}

fn after(time: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span)
        .ok()
        .and_then(|span| time.checked_add(span).ok())
        .unwrap_or(Timestamp::MAX)
}

impl Now for Clock {
    fn now(&self) -> Timestamp {
        self.now()
    }
    fn wall(&self, span: Duration) -> Duration {
        self.wall(span)
    }
}
