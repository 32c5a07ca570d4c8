//! Any endpoint that takes JSON, signed as <https://www.standardwebhooks.com> says.
//!
//! The id follows from the idempotency key and is the same for every try: a receiver that remembers ids gets no message twice.

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use paramedic_domain::digest::Digest;
use paramedic_runtime::Clock;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::json;
use sha2::Sha256;

use super::{
    channel::{Channel, Delivered, Outgoing, SendError},
    provider::Provider,
};
use crate::{config::Webhook as Config, core::render::markdown};

/// Version of the body; a change that could break a receiver makes it one more.
const VERSION: u32 = 1;
/// Bytes of the blocks and of the Markdown, each: together they stay below the megabyte that many servers take.
const MAX_CONTENT: usize = 256 << 10;

/// An endpoint.
pub struct Webhook {
    provider: Provider,
    url: SecretString,
    key: SecretSlice<u8>,
    recipients: Vec<String>,
    clock: Clock,
}

impl Webhook {
    /// From the configuration.
    ///
    /// # Errors
    /// When the configuration was not validated.
    pub fn new(config: &Config, http: reqwest::Client, clock: Clock) -> anyhow::Result<Self> {
        Ok(Self {
            provider: Provider {
                name: "the webhook's receiver",
                settings: "notifier.webhook.url and notifier.webhook.secret",
                http,
            },
            recipients: vec![config.recipient()?],
            url: config.url.clone(),
            key: config.key()?.into(),
            clock,
        })
    }

    fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> Result<String, SendError> {
        let unusable = |_| SendError::Permanent {
            reason: "the key cannot be used; look at notifier.webhook.secret".into(),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret()).map_err(unusable)?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    }
}

#[async_trait]
impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn recipients(&self) -> &[String] {
        &self.recipients
    }

    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError> {
        let message = outgoing.message;
        // an id may have no full stop, since those part the signed text
        let id = format!("msg_{}", &hex::encode(Digest::of(outgoing.key.as_bytes()).bytes())[..32]);
        let mut content = json!(message);
        let complete = content["blocks"].to_string().len() <= MAX_CONTENT;
        if !complete {
            content["blocks"] = json!([]);
        }
        let body = json!({
            "version": VERSION,
            "id": id,
            "time": outgoing.time.to_string(),
            "message": content,
            "complete": complete,
            "markdown": markdown::render(message, MAX_CONTENT),
        })
        .to_string();
        // when it is sent and not when it happened: receivers refuse what is old
        let timestamp = self.clock.now().as_second();
        let signature = self.signature(&id, timestamp, body.as_bytes())?;
        let request = self
            .provider
            .http
            .post(self.url.expose_secret())
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        self.provider.send(request).await?;
        Ok(Delivered {
            message_id: id,
            thread: message.incident.to_string(),
        })
    }
}
