//! `PagerDuty` through the Events API v2 (<https://developer.pagerduty.com/docs/send-alert-event>).
//!
//! The deduplication key is the incident's id, so a repeated event changes the page that is there: a crash makes no second one.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{
    channel::{Channel, Delivered, Outgoing, SendError},
    provider::Provider,
};
use crate::{
    config::PagerDuty as Config,
    core::{
        message::{Message, Tone},
        paging::{self, Page},
        render::plain,
    },
};

/// Characters of a summary.
const MAX_SUMMARY: usize = 1_024;
/// Characters of the text beneath; an event has at most 512 KB.
const MAX_DETAILS: usize = 20_000;

/// A service's integration.
pub struct PagerDuty {
    provider: Provider,
    url: String,
    key: SecretString,
    recipients: Vec<String>,
}

impl PagerDuty {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &Config, http: reqwest::Client) -> Self {
        Self {
            provider: Provider {
                name: "pagerduty",
                settings: "notifier.pagerduty.routing_key and notifier.pagerduty.api_url",
                http,
            },
            url: format!("{}/v2/enqueue", config.api_url.trim_end_matches('/')),
            key: config.routing_key.clone(),
            // the key is a secret
            recipients: vec!["service".to_owned()],
        }
    }

    fn event(&self, message: &Message, page: Page) -> Value {
        let mut event = json!({
            "routing_key": self.key.expose_secret(),
            "dedup_key": message.incident,
            "event_action": match page {
                Page::Ring => "trigger",
                Page::Acknowledge => "acknowledge",
                Page::Close => "resolve",
            },
        });
        if page == Page::Ring {
            let severity = match message.tone {
                Tone::Action | Tone::Bad => "critical",
                Tone::Good | Tone::Info => "warning",
            };
            let summary = format!("{}: {}", message.title, message.subject);
            event["payload"] = json!({
                "summary": summary.chars().take(MAX_SUMMARY).collect::<String>(),
                "source": message.cluster,
                "severity": severity,
                "class": message.kind,
                "custom_details": {"text": plain::render(message).chars().take(MAX_DETAILS).collect::<String>()},
            });
            event["client"] = json!("Paramedic");
        }
        event
    }
}

#[async_trait]
impl Channel for PagerDuty {
    fn name(&self) -> &'static str {
        "pagerduty"
    }

    fn recipients(&self) -> &[String] {
        &self.recipients
    }

    fn kinds(&self) -> &'static [&'static str] {
        &paging::KINDS
    }

    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError> {
        let incident = outgoing.message.incident.to_string();
        let event = self.event(outgoing.message, paging::page(outgoing.message));
        self.provider.send(self.provider.http.post(&self.url).json(&event)).await?;
        Ok(Delivered {
            message_id: incident.clone(),
            thread: incident,
        })
    }
}
