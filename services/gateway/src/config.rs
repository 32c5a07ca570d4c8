//! Configuration of the gateway.

use std::time::Duration;

use paramedic_runtime::config::Invalid;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Defaults, under the header `[gateway]`.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// Shortest token that counts as a secret: 128 bits as hex digits are 32, people's passwords are shorter.
const MIN_TOKEN: usize = 16;

/// The gateway's section. `defaults.toml` says why each default is what it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Bearer tokens that Alertmanager may present.
    pub tokens: Vec<SecretString>,
    /// Accept alerts without a token.
    pub anonymous: bool,
    /// Largest webhook body, bytes.
    pub max_body_bytes: usize,
    /// Longest wait for the bus per webhook, seconds.
    pub append_timeout_seconds: u64,
    /// Time after an incident's resolution from which a still firing alert opens a new one, seconds.
    pub refire_after_seconds: u64,
    /// Alerts correlated at the same time.
    pub concurrency: usize,
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.tokens.is_empty() && !self.anonymous {
            return Err(Invalid::new(
                "gateway.tokens",
                "is empty: give a bearer token, or set gateway.anonymous = true to accept alerts from anybody",
            ));
        }
        if self.tokens.iter().any(|token| token.expose_secret().len() < MIN_TOKEN) {
            return Err(Invalid::new(
                "gateway.tokens",
                format!("holds a token of less than {MIN_TOKEN} characters"),
            ));
        }
        if !(1024..=64 << 20).contains(&self.max_body_bytes) {
            return Err(Invalid::new("gateway.max_body_bytes", "must be 1024 to 67108864"));
        }
        if !(1..=300).contains(&self.append_timeout_seconds) {
            return Err(Invalid::new("gateway.append_timeout_seconds", "must be 1 to 300"));
        }
        if !(1..=1024).contains(&self.concurrency) {
            return Err(Invalid::new("gateway.concurrency", "must be 1 to 1024"));
        }
        Ok(())
    }

    pub(crate) fn append_timeout(&self) -> Duration {
        Duration::from_secs(self.append_timeout_seconds)
    }

    pub(crate) fn refire_after(&self) -> Duration {
        Duration::from_secs(self.refire_after_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        gateway: Config,
    }

    fn load(extra: &str) -> Config {
        paramedic_runtime::config::load::<File>(&[DEFAULTS, extra], None, [].into(), &["gateway.tokens"])
            .unwrap()
            .gateway
    }

    #[test]
    fn the_defaults_accept_nobody_and_say_what_to_do() {
        let error = load("").validate().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("configuration key gateway.tokens: is empty: give a bearer token"),
            "{error}"
        );
    }

    #[test]
    fn tokens_or_anonymity_make_it_valid() {
        load("[gateway]\nanonymous = true").validate().unwrap();
        load("[gateway]\ntokens = ['0123456789abcdef']").validate().unwrap();
    }

    #[test]
    fn values_out_of_range_name_their_key() {
        for (extra, key) in [
            ("tokens = ['short']", "gateway.tokens"),
            ("max_body_bytes = 12", "gateway.max_body_bytes"),
            ("append_timeout_seconds = 0", "gateway.append_timeout_seconds"),
            ("concurrency = 0", "gateway.concurrency"),
        ] {
            let error = load(&format!("[gateway]\nanonymous = true\n{extra}")).validate().unwrap_err();
            assert_eq!(error.key, key);
        }
    }

    #[test]
    fn tokens_are_not_printed() {
        assert!(!format!("{:?}", load("[gateway]\ntokens = ['0123456789abcdef']")).contains("0123456789abcdef"));
    }
}
