//! Discord through a channel's webhook (<https://discord.com/developers/docs/resources/webhook#execute-webhook>).
//!
//! A webhook opens threads only in forum channels, and cannot search for an earlier try: a crash between delivery and its record
//! can repeat one message.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{
    channel::{Channel, Delivered, Outgoing, SendError},
    provider::Provider,
};
use crate::{config::Discord as Config, core::render::discord};

/// Characters of a thread's name.
const MAX_NAME: usize = 100;

/// A webhook.
pub struct Discord {
    provider: Provider,
    url: SecretString,
    forum: bool,
    recipients: Vec<String>,
}

impl Discord {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &Config, http: reqwest::Client) -> Self {
        Self {
            provider: Provider {
                name: "discord",
                settings: "notifier.discord.url and notifier.discord.forum",
                http,
            },
            url: config.url.clone(),
            forum: config.forum,
            // the URL is a secret
            recipients: vec![if config.forum { "forum" } else { "channel" }.to_owned()],
        }
    }
}

#[async_trait]
impl Channel for Discord {
    fn name(&self) -> &'static str {
        "discord"
    }

    fn recipients(&self) -> &[String] {
        &self.recipients
    }

    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError> {
        let message = outgoing.message;
        let mut body = json!({
            "embeds": [discord::render(message)],
            // nobody is called by a text of an alert
            "allowed_mentions": {"parse": []},
        });
        let mut query = vec![("wait", "true")];
        match outgoing.thread.filter(|_| self.forum) {
            Some(first) => query.push(("thread_id", &first.thread)),
            None if self.forum => {
                let name: String = message.subject.chars().take(MAX_NAME).collect();
                body["thread_name"] = json!(name);
            }
            None => {}
        }
        let request = self.provider.http.post(self.url.expose_secret()).query(&query).json(&body);
        let answer = self.provider.send(request).await?;
        let id = |field: &str| answer[field].as_str().map(str::to_owned);
        let own = id("channel_id").unwrap_or_default();
        Ok(Delivered {
            message_id: answer.get("id").and_then(Value::as_str).unwrap_or(outgoing.key).to_owned(),
            thread: outgoing.thread.map_or(own, |first| first.thread.clone()),
        })
    }
}
