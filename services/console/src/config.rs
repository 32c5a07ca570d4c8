//! Configuration of the console.

use std::time::Duration;

use paramedic_runtime::config::Invalid;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Defaults, under the header `[console]`.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// Fewest characters of a bearer token.
const MIN_TOKEN: usize = 16;

/// The console's section. `defaults.toml` says why each default is what it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How often the log is looked at for new events, milliseconds.
    pub poll_interval_ms: u64,
    /// Who may cancel incidents; empty: the caller's word is taken for its identity.
    pub operators: Vec<Operator>,
}

/// A person (or program) that may cancel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// The identity that is recorded: an address or user name.
    pub identity: String,
    /// The bearer token that proves it.
    pub token: SecretString,
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
        for (index, operator) in self.operators.iter().enumerate() {
            let key = |field: &str| format!("console.operators[{index}].{field}");
            if operator.identity.trim().is_empty() || operator.identity.chars().any(char::is_control) {
                return Err(Invalid::new(key("identity"), "must name a person or program"));
            }
            if operator.token.expose_secret().len() < MIN_TOKEN {
                return Err(Invalid::new(key("token"), format!("needs at least {MIN_TOKEN} characters")));
            }
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
        for (extra, key) in [
            ("poll_interval_ms = 1", "console.poll_interval_ms"),
            (
                "operators = [{identity = ' ', token = '0123456789abcdef'}]",
                "console.operators[0].identity",
            ),
            ("operators = [{identity = 'ann', token = 'short'}]", "console.operators[0].token"),
        ] {
            assert_eq!(load(&format!("[console]\n{extra}")).validate().unwrap_err().key, key);
        }
    }
}
