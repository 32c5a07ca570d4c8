//! Configuration of the approval role.

use paramedic_runtime::config::{Invalid, is_set};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// Fewest characters of a secret that signs links: 32 characters of base64 hold 192 bits.
const MIN_SECRET: usize = 32;
/// Fewest characters of a bearer token.
const MIN_TOKEN: usize = 16;

/// The `[approval]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Base URL at which browsers reach the HTTP listener; empty: no signed links.
    pub public_url: String,
    /// Secret that signs links; empty: generated and shared through the bus.
    pub link_secret: SecretString,
    /// Token with which the notifier asks for links; empty: once people are configured, nobody gets links.
    pub notifier_token: SecretString,
    /// Slack.
    pub slack: Slack,
}

/// The `[approval.slack]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The app's signing secret; empty: no answers from Slack.
    pub signing_secret: SecretString,
    /// Base URL of the Web API.
    pub api_url: String,
    /// Bot token, for the form that asks why somebody denies.
    pub bot_token: SecretString,
}

impl Slack {
    /// Whether Slack may answer.
    #[must_use]
    pub fn enabled(&self) -> bool {
        is_set(&self.signing_secret)
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        let url = &self.public_url;
        if !(url.is_empty() || url.starts_with("http://") || url.starts_with("https://")) {
            return Err(Invalid::new(
                "approval.public_url",
                format!("{url:?} is neither empty nor an http(s) URL"),
            ));
        }
        let length = self.link_secret.expose_secret().len();
        if length != 0 && length < MIN_SECRET {
            return Err(Invalid::new(
                "approval.link_secret",
                format!("has {length} characters, needs {MIN_SECRET} (or none: one is generated)"),
            ));
        }
        let length = self.notifier_token.expose_secret().len();
        if length != 0 && length < MIN_TOKEN {
            return Err(Invalid::new(
                "approval.notifier_token",
                format!("needs at least {MIN_TOKEN} characters (or none)"),
            ));
        }
        let slack = &self.slack;
        if slack.enabled() {
            if !is_set(&slack.bot_token) {
                return Err(Invalid::new(
                    "approval.slack.bot_token",
                    "is needed to open forms, since approval.slack.signing_secret is set",
                ));
            }
            if !(slack.api_url.starts_with("http://") || slack.api_url.starts_with("https://")) {
                return Err(Invalid::new(
                    "approval.slack.api_url",
                    format!("{:?} is not an http(s) URL", slack.api_url),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            public_url: "https://paramedic.example.com".into(),
            link_secret: String::new().into(),
            notifier_token: "a-token-of-the-notifier".to_owned().into(),
            slack: Slack {
                signing_secret: "a-token-of-the-app".to_owned().into(),
                api_url: "https://slack.com/api".into(),
                bot_token: "a-token-of-the-bot".to_owned().into(),
            },
        }
    }

    #[test]
    fn mistakes_are_named_by_their_key() {
        assert!(config().validate().is_ok());
        let mut short = config();
        short.link_secret = "short".to_owned().into();
        assert_eq!(short.validate().unwrap_err().key, "approval.link_secret");
        let mut formless = config();
        formless.slack.bot_token = String::new().into();
        assert_eq!(formless.validate().unwrap_err().key, "approval.slack.bot_token");
        let mut scheme = config();
        scheme.public_url = "ftp://x".into();
        assert_eq!(scheme.validate().unwrap_err().key, "approval.public_url");
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", config()).contains("a-token-of"));
    }
}
