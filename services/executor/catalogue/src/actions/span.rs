//! Bounded durations.

use std::time::Duration;

use jiff::SignedDuration;

use crate::action::Refused;

/// A duration as people write it (`30s`, `5m`, `1h30m`) that is not longer than `longest`.
pub(super) fn duration(parameter: &str, text: &str, longest: Duration) -> Result<Duration, Refused> {
    let parsed = text.trim().parse::<SignedDuration>().ok();
    let pointer = format!("/{parameter}");
    match parsed.and_then(|duration| Duration::try_from(duration).ok()) {
        Some(duration) if duration > longest => Err(Refused::parameter(
            &pointer,
            format!("{text} is longer than {} h", longest.as_secs() / 3600),
        )),
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(Refused::parameter(
            &pointer,
            format!("{text:?} is not a duration like \"30s\", \"5m\" or \"1h\""),
        )),
    }
}
