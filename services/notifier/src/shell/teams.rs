//! Microsoft Teams through a workflow's webhook.
//!
//! A workflow says only that it took the message: there is no id to answer to, so no threads, and no way to look for an earlier
//! try. A crash between delivery and its record can repeat one message; every message names its incident.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    channel::{Channel, Delivered, Outgoing, SendError},
    provider::Provider,
};
use crate::{config::Teams as Config, core::render::teams};

/// A workflow.
pub struct Teams {
    provider: Provider,
    url: SecretString,
    recipients: Vec<String>,
}

impl Teams {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &Config, http: reqwest::Client) -> Self {
        Self {
            provider: Provider {
                name: "teams",
                settings: "notifier.teams.url and the workflow behind it",
                http,
            },
            url: config.url.clone(),
            // the URL is a secret and says nothing to people
            recipients: vec!["workflow".to_owned()],
        }
    }
}

#[async_trait]
impl Channel for Teams {
    fn name(&self) -> &'static str {
        "teams"
    }

    fn recipients(&self) -> &[String] {
        &self.recipients
    }

    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError> {
        let request = self
            .provider
            .http
            .post(self.url.expose_secret())
            .json(&teams::render(outgoing.message));
        self.provider.send(request).await?;
        Ok(Delivered {
            message_id: outgoing.key.to_owned(),
            thread: outgoing.message.incident.to_string(),
        })
    }
}
