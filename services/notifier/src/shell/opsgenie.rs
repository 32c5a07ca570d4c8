//! Opsgenie through its Alert API (<https://docs.opsgenie.com/docs/alert-api>).
//!
//! The alias is the incident's id: while an alert with it is open, creating it again only counts, so a crash makes no second one.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{
    channel::{Channel, Delivered, Outgoing, SendError},
    provider::Provider,
};
use crate::{
    config::Opsgenie as Config,
    core::{
        message::Message,
        paging::{self, Page},
        render::plain,
    },
};

/// Characters of a message, of a description and of a note.
const MAX_MESSAGE: usize = 130;
const MAX_DESCRIPTION: usize = 15_000;
const MAX_NOTE: usize = 25_000;

/// An integration.
pub struct Opsgenie {
    provider: Provider,
    api: String,
    key: SecretString,
    recipients: Vec<String>,
}

impl Opsgenie {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &Config, http: reqwest::Client) -> Self {
        Self {
            provider: Provider {
                name: "opsgenie",
                settings: "notifier.opsgenie.api_key and notifier.opsgenie.api_url",
                http,
            },
            api: config.api_url.trim_end_matches('/').to_owned(),
            key: config.api_key.clone(),
            recipients: vec!["alerts".to_owned()],
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, SendError> {
        let request = self
            .provider
            .http
            .post(format!("{}/v2/alerts{path}", self.api))
            .header("authorization", format!("GenieKey {}", self.key.expose_secret()))
            .json(body);
        self.provider.send(request).await
    }

    async fn tell(&self, message: &Message, page: Page) -> Result<Value, SendError> {
        let text = plain::render(message);
        let cut = |text: &str, max: usize| text.chars().take(max).collect::<String>();
        let of_alert = |verb: &str| format!("/{}/{verb}?identifierType=alias", message.incident);
        let note = json!({"source": "Paramedic", "note": cut(&text, MAX_NOTE)});
        match page {
            Page::Ring => {
                let alert = json!({
                    "message": cut(&format!("{}: {}", message.title, message.subject), MAX_MESSAGE),
                    "alias": message.incident,
                    "description": cut(&text, MAX_DESCRIPTION),
                    "entity": message.cluster,
                    "source": "Paramedic",
                    "details": {"kind": message.kind},
                });
                self.post("", &alert).await
            }
            Page::Acknowledge => self.post(&of_alert("acknowledge"), &note).await,
            Page::Close => self.post(&of_alert("close"), &note).await,
        }
    }
}

#[async_trait]
impl Channel for Opsgenie {
    fn name(&self) -> &'static str {
        "opsgenie"
    }

    fn recipients(&self) -> &[String] {
        &self.recipients
    }

    fn kinds(&self) -> &'static [&'static str] {
        &paging::KINDS
    }

    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError> {
        let incident = outgoing.message.incident.to_string();
        self.tell(outgoing.message, paging::page(outgoing.message)).await?;
        Ok(Delivered {
            message_id: incident.clone(),
            thread: incident,
        })
    }
}
