//! Waiting for a condition: polled quickly at first, then slower, until a deadline.

use std::time::{Duration, Instant};

/// How long [`eventually!`](crate::eventually!) waits unless told otherwise: generous, since only failing tests use it up.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// First and longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// The pauses of one wait.
#[derive(Debug)]
pub struct Backoff {
    started: Instant,
    within: Duration,
    pause: Duration,
}

impl Backoff {
    /// Starts a wait that may last `within`.
    #[must_use]
    pub fn new(within: Duration) -> Self {
        Self {
            started: Instant::now(),
            within,
            pause: PAUSES.0,
        }
    }

    /// Pauses before the next look; false if the time is over.
    pub async fn pause(&mut self) -> bool {
        if self.started.elapsed() >= self.within {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        true
    }

    /// How long it may last.
    #[must_use]
    pub fn within(&self) -> Duration {
        self.within
    }
}

/// Waits until the condition (which may `.await`) is true; panics with the condition, or the given message, when the time is over.
///
/// ```
/// # tokio_test(async {
/// use std::time::Duration;
/// use paramedic_testkit::eventually;
/// let started = std::time::Instant::now();
/// eventually!(started.elapsed() > Duration::from_millis(5));
/// eventually!(within Duration::from_secs(1), started.elapsed() > Duration::from_millis(9), "slow after {:?}", started.elapsed());
/// # });
/// # fn tokio_test(f: impl Future) { tokio::runtime::Runtime::new().expect("runtime").block_on(f); }
/// ```
#[macro_export]
macro_rules! eventually {
    (within $within:expr, $condition:expr, $($message:tt)+) => {{
        let mut backoff = $crate::Backoff::new($within);
        while !$condition {
            assert!(
                backoff.pause().await,
                "{} (waited {:?} for `{}`)",
                format_args!($($message)+),
                backoff.within(),
                stringify!($condition)
            );
        }
    }};
    (within $within:expr, $condition:expr $(,)?) => {
        $crate::eventually!(within $within, $condition, "it did not happen")
    };
    ($condition:expr, $($message:tt)+) => {
        $crate::eventually!(within $crate::DEADLINE, $condition, $($message)+)
    };
    ($condition:expr $(,)?) => {
        $crate::eventually!(within $crate::DEADLINE, $condition, "it did not happen")
    };
}
