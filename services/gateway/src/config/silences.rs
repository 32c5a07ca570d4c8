//! The `[gateway.silences]` section.

use std::time::Duration;

use paramedic_runtime::config::Invalid;
use serde::Deserialize;

/// How Alertmanagers are asked what they keep quiet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silences {
    /// Seconds between two questions; 0: nobody is asked.
    pub poll_seconds: u64,
}

impl Silences {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if self.poll_seconds > 300 {
            // Inhibitions are believed for 15 minutes.
            return Err(Invalid::new("gateway.silences.poll_seconds", "must be 0 to 300"));
        }
        Ok(())
    }

    pub(crate) fn poll(&self) -> Option<Duration> {
        (self.poll_seconds > 0).then(|| Duration::from_secs(self.poll_seconds))
    }
}
