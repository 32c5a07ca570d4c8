//! Telegram through the Bot API (<https://core.telegram.org/bots/api#sendmessage>).
//!
//! Every message answers the incident's first one. A bot cannot read what it sent: a crash between delivery and its record can
//! repeat one message.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{
    channel::{Channel, Delivered, Outgoing, SendError},
    provider::Provider,
};
use crate::{config::Telegram as Config, core::render::telegram};

/// A bot and a chat.
pub struct Telegram {
    provider: Provider,
    api: String,
    token: SecretString,
    recipients: Vec<String>,
}

impl Telegram {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &Config, http: reqwest::Client) -> Self {
        Self {
            provider: Provider {
                name: "telegram",
                settings: "notifier.telegram.token and notifier.telegram.chat",
                http,
            },
            api: config.api_url.trim_end_matches('/').to_owned(),
            token: config.token.clone(),
            recipients: vec![config.chat.trim().to_owned()],
        }
    }
}

#[async_trait]
impl Channel for Telegram {
    fn name(&self) -> &'static str {
        "telegram"
    }

    fn recipients(&self) -> &[String] {
        &self.recipients
    }

    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError> {
        let mut body = json!({
            "chat_id": outgoing.recipient,
            "text": telegram::render(outgoing.message),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": true},
        });
        if let Some(first) = outgoing.thread.and_then(|first| first.thread.parse::<i64>().ok()) {
            // somebody may have deleted the first one
            body["reply_parameters"] = json!({"message_id": first, "allow_sending_without_reply": true});
        }
        let url = format!("{}/bot{}/sendMessage", self.api, self.token.expose_secret());
        let answer = self.provider.send(self.provider.http.post(url).json(&body)).await?;
        let id = answer["result"]["message_id"].as_i64().map(|id| id.to_string()).unwrap_or_default();
        Ok(Delivered {
            thread: outgoing.thread.map_or_else(|| id.clone(), |first| first.thread.clone()),
            message_id: id,
        })
    }
}
