//! Configuration of the console.

use std::time::Duration;

use paramedic_runtime::config::Invalid;
use serde::Deserialize;

/// Defaults, under the header `[console]`.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The console's section. `defaults.toml` says why each default is what it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How often the log is looked at for new events, milliseconds.
    pub poll_interval_ms: u64,
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        if !(10..=60_000).contains(&self.poll_interval_ms) {
            return Err(Invalid::new("console.poll_interval_ms", "must be 10 to 60000"));
        }
        Ok(())
    }

    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        console: Config,
    }

    fn load(extra: &str) -> Config {
        paramedic_runtime::config::load::<File>(&[DEFAULTS, extra], None, [].into(), &[])
            .unwrap()
            .console
    }

    #[test]
    fn the_defaults_are_valid() {
        load("").validate().unwrap();
    }

    #[test]
    fn what_cannot_be_used_names_its_key() {
        let error = load("[console]\npoll_interval_ms = 1").validate().unwrap_err();
        assert_eq!(error.key, "console.poll_interval_ms");
    }
}
