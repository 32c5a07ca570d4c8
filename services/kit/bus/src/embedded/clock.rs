//! The wall clock of the embedded bus: like a server, it stamps what it stores.

use jiff::Timestamp;

/// Now, as nanoseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "a message system has its own clock; decisions never read it")]
pub(super) fn nanos() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// Now, as milliseconds since the epoch.
pub(super) fn millis() -> u64 {
    u64::try_from(nanos() / 1_000_000).unwrap_or(0)
}
