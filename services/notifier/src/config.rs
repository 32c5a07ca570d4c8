//! Configuration of the notifier role.

use lettre::{AsyncSmtpTransport, Tokio1Executor, message::Mailbox};
use paramedic_runtime::config::{Invalid, is_set};
use secrecy::SecretString;
use serde::Deserialize;

mod chat;
mod pager;

pub use chat::{Discord, Teams, Telegram, Webhook};
pub use pager::{Opsgenie, PagerDuty};

/// The `[notifier]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// gRPC address of the approval role.
    pub approval_url: String,
    /// Bearer token for it; empty: none.
    pub approval_token: SecretString,
    /// Email.
    pub email: Email,
    /// Slack.
    pub slack: Slack,
    /// `PagerDuty`.
    pub pagerduty: PagerDuty,
    /// Opsgenie.
    pub opsgenie: Opsgenie,
    /// Any endpoint that takes signed JSON.
    pub webhook: Webhook,
    /// Microsoft Teams.
    pub teams: Teams,
    /// Discord.
    pub discord: Discord,
    /// Telegram.
    pub telegram: Telegram,
}

/// The `[notifier.email]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// SMTP server; empty: no email.
    pub url: String,
    /// User name; empty: no authentication.
    pub username: String,
    /// Password.
    pub password: SecretString,
    /// Sender.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
}

/// The `[notifier.slack]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// Base URL of the Web API.
    pub api_url: String,
    /// Bot token; empty: no Slack.
    pub token: SecretString,
    /// Channel id or name.
    pub channel: String,
    /// Whether questions carry buttons, for an app whose clicks reach the approval role.
    pub buttons: bool,
}

impl Email {
    /// Whether mails are sent.
    #[must_use]
    pub fn enabled(&self) -> bool {
        !self.url.is_empty()
    }
}

impl Slack {
    /// Whether messages are posted.
    #[must_use]
    pub fn enabled(&self) -> bool {
        is_set(&self.token)
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.email.enabled() {
            self.validate_email()?;
        }
        if self.slack.enabled() {
            http_url("notifier.slack.api_url", &self.slack.api_url)?;
            if self.slack.channel.trim().is_empty() {
                return Err(Invalid::new("notifier.slack.channel", "names no channel, but a token is set"));
            }
        }
        self.pagerduty.validate()?;
        self.opsgenie.validate()?;
        self.webhook.validate()?;
        self.teams.validate()?;
        self.discord.validate()?;
        self.telegram.validate()?;
        http_url("notifier.approval_url", &self.approval_url)
    }

    fn validate_email(&self) -> Result<(), Invalid> {
        let address = |key: &str, text: &str| match text.parse::<Mailbox>() {
            Ok(_) => Ok(()),
            Err(error) => Err(Invalid::new(key, format!("{text:?} is not a mail address: {error}"))),
        };
        if let Err(error) = AsyncSmtpTransport::<Tokio1Executor>::from_url(&self.email.url) {
            return Err(Invalid::new(
                "notifier.email.url",
                format!("is not smtp://host:port, smtp://host:port?tls=required or smtps://host:port: {error}"),
            ));
        }
        address("notifier.email.from", &self.email.from)?;
        if self.email.to.is_empty() {
            return Err(Invalid::new("notifier.email.to", "names nobody, but a server is set"));
        }
        for (index, to) in self.email.to.iter().enumerate() {
            address(&format!("notifier.email.to[{index}]"), to)?;
        }
        Ok(())
    }
}

fn http_url(key: &str, url: &str) -> Result<(), Invalid> {
    match url::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(()),
        Ok(_) | Err(_) => Err(Invalid::new(key, format!("{url:?} is not an http(s) URL"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            approval_url: "http://127.0.0.1:9095".into(),
            approval_token: String::new().into(),
            email: Email {
                url: "smtp://127.0.0.1:25".into(),
                username: String::new(),
                password: String::new().into(),
                from: "Paramedic <paramedic@example.com>".into(),
                to: vec!["sre@example.com".into()],
            },
            slack: Slack {
                api_url: "https://slack.com/api".into(),
                token: "xoxb-1".to_owned().into(),
                channel: "C123".into(),
                buttons: true,
            },
            pagerduty: PagerDuty::default(),
            opsgenie: Opsgenie::default(),
            webhook: Webhook::default(),
            teams: Teams::default(),
            discord: Discord::default(),
            telegram: Telegram::default(),
        }
    }

    #[test]
    fn mistakes_are_named_by_their_key() {
        assert!(config().validate().is_ok());
        let key = |change: fn(&mut Config)| {
            let mut config = config();
            change(&mut config);
            config.validate().unwrap_err().key
        };
        assert_eq!(key(|config| config.email.url = "http://x".into()), "notifier.email.url");
        assert_eq!(key(|config| config.email.from = "nobody".into()), "notifier.email.from");
        assert_eq!(key(|config| config.email.to.push("x y".into())), "notifier.email.to[1]");
        assert_eq!(key(|config| config.email.to.clear()), "notifier.email.to");
        assert_eq!(key(|config| config.slack.channel.clear()), "notifier.slack.channel");
        assert_eq!(key(|config| config.approval_url = "127.0.0.1:9095".into()), "notifier.approval_url");
    }

    #[test]
    fn channels_without_a_server_or_token_are_off_and_not_checked() {
        let mut config = config();
        config.email.url.clear();
        config.email.from.clear();
        config.slack.token = String::new().into();
        config.slack.channel.clear();
        assert!(config.validate().is_ok());
        assert!(!config.email.enabled() && !config.slack.enabled());
    }
}
