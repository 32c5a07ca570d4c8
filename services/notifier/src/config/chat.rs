//! Sections of the channels that are spoken to over HTTP. Each is off until its URL or token is set.

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use paramedic_runtime::config::{Invalid, is_set};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// Shortest key that signs, in bytes, as the standard for webhooks asks.
const MIN_KEY: usize = 24;

/// The `[notifier.webhook]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Endpoint; empty: no webhook.
    pub url: SecretString,
    /// `whsec_` and the key in base64.
    pub secret: SecretString,
}

/// The `[notifier.teams]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teams {
    /// The workflow's URL; empty: no Teams.
    pub url: SecretString,
}

/// The `[notifier.discord]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discord {
    /// The webhook's URL; empty: no Discord.
    pub url: SecretString,
    /// Whether it belongs to a forum channel.
    pub forum: bool,
}

/// The `[notifier.telegram]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telegram {
    /// Base URL of the Bot API.
    pub api_url: String,
    /// The bot's token; empty: no Telegram.
    pub token: SecretString,
    /// Id of the chat, or `@name` of a channel.
    pub chat: String,
}

impl Webhook {
    /// Whether messages are sent.
    #[must_use]
    pub fn enabled(&self) -> bool {
        is_set(&self.url)
    }

    /// What stands for the endpoint in logs and receipts: its host.
    ///
    /// # Errors
    /// When the URL has none.
    pub fn recipient(&self) -> anyhow::Result<String> {
        let url = url::Url::parse(self.url.expose_secret()).context("notifier.webhook.url")?;
        Ok(url.host_str().context("notifier.webhook.url has no host")?.to_owned())
    }

    /// The key that signs.
    ///
    /// # Errors
    /// When the secret is not of its form.
    pub fn key(&self) -> anyhow::Result<Vec<u8>> {
        let text = self
            .secret
            .expose_secret()
            .strip_prefix("whsec_")
            .context("it does not begin with whsec_")?;
        let key = BASE64_STANDARD.decode(text).context("what follows whsec_ is not base64")?;
        anyhow::ensure!(key.len() >= MIN_KEY, "the key has {} bytes, {MIN_KEY} are the least", key.len());
        Ok(key)
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if !self.enabled() {
            return Ok(());
        }
        secret_url("notifier.webhook.url", &self.url)?;
        match self.key() {
            Ok(_) => Ok(()),
            Err(error) => Err(Invalid::new(
                "notifier.webhook.secret",
                format!("is not whsec_ and a key in base64: {error}; make one with: echo whsec_$(openssl rand -base64 32)"),
            )),
        }
    }
}

impl Teams {
    /// Whether messages are sent.
    #[must_use]
    pub fn enabled(&self) -> bool {
        is_set(&self.url)
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if self.enabled() {
            secret_url("notifier.teams.url", &self.url)
        } else {
            Ok(())
        }
    }
}

impl Discord {
    /// Whether messages are sent.
    #[must_use]
    pub fn enabled(&self) -> bool {
        is_set(&self.url)
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if self.enabled() {
            secret_url("notifier.discord.url", &self.url)
        } else {
            Ok(())
        }
    }
}

impl Telegram {
    /// Whether messages are sent.
    #[must_use]
    pub fn enabled(&self) -> bool {
        is_set(&self.token)
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if !self.enabled() {
            return Ok(());
        }
        super::http_url("notifier.telegram.api_url", &self.api_url)?;
        if self.chat.trim().is_empty() {
            return Err(Invalid::new("notifier.telegram.chat", "names no chat, but a token is set"));
        }
        Ok(())
    }
}

/// A URL that is not repeated in the complaint, since who knows it can post.
fn secret_url(key: &str, url: &SecretString) -> Result<(), Invalid> {
    match url::Url::parse(url.expose_secret()) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => Ok(()),
        Ok(_) | Err(_) => Err(Invalid::new(key, "is not an http(s) URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[test]
    fn a_channel_without_url_or_token_is_off_and_not_checked() {
        assert!(Webhook::default().validate().is_ok() && !Webhook::default().enabled());
        assert!(Telegram::default().validate().is_ok() && !Telegram::default().enabled());
    }

    #[test]
    fn a_wrong_url_is_named_by_its_key_and_not_repeated() {
        let teams = Teams {
            url: secret("example.com/hook-1234"),
        };
        let error = teams.validate().unwrap_err();
        assert_eq!(error.key, "notifier.teams.url");
        assert!(!format!("{error:?}").contains("hook-1234"), "{error:?}");
    }

    #[test]
    fn a_webhook_needs_a_key_that_signs() {
        let with = |text: &str| Webhook {
            url: secret("https://example.com/hook"),
            secret: secret(text),
        };
        for bad in ["", "hunter2", "whsec_%%%", "whsec_c2hvcnQ="] {
            assert_eq!(with(bad).validate().unwrap_err().key, "notifier.webhook.secret", "{bad:?}");
        }
        assert!(with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").validate().is_ok());
    }

    #[test]
    fn a_bot_needs_a_chat() {
        let bot = Telegram {
            api_url: "https://api.telegram.org".into(),
            token: secret("1:a"),
            chat: " ".into(),
        };
        assert_eq!(bot.validate().unwrap_err().key, "notifier.telegram.chat");
    }
}
