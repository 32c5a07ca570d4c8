//! What we ask of Slack: open a form, say something to one person.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::{config::Slack as Config, core::slack::views};

/// Longest wait: a click's answer is due within three seconds.
const TIMEOUT: Duration = Duration::from_millis(2_500);

/// Slack's Web API.
#[derive(Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    url: String,
    token: SecretString,
}

impl Api {
    pub(super) fn new(config: &Config, http: reqwest::Client) -> Self {
        Self {
            http,
            url: config.api_url.trim_end_matches('/').to_owned(),
            token: config.bot_token.clone(),
        }
    }

    /// Opens a form for whoever clicked.
    pub(super) async fn open(&self, trigger: &str, view: &Value) -> Result<(), String> {
        let asked = self
            .http
            .post(format!("{}/views.open", self.url))
            .bearer_auth(self.token.expose_secret())
            .timeout(TIMEOUT)
            .json(&json!({"trigger_id": trigger, "view": view}));
        let problem = match asked.send().await {
            Err(error) => error.without_url().to_string(),
            Ok(response) => {
                let status = response.status();
                match response.json::<Value>().await {
                    Ok(answer) if answer["ok"] == true => return Ok(()),
                    Ok(answer) => answer["error"].as_str().unwrap_or("no reason given").to_owned(),
                    Err(_) => format!("it answered {status}"),
                }
            }
        };
        tracing::warn!(problem, "slack did not open the form");
        Err(format!(
            "The form could not be opened ({problem}). Nothing was decided; the command in the message works."
        ))
    }

    /// Says something to whoever clicked. Nothing depends on it: the decision is in the log and in the message.
    pub(super) async fn whisper(&self, response_url: &str, text: &str) {
        if !self.is_slacks(response_url) {
            tracing::debug!("no address of Slack's to answer to");
            return;
        }
        let asked = self.http.post(response_url).timeout(TIMEOUT).json(&views::whisper(text));
        if let Err(error) = asked.send().await.and_then(reqwest::Response::error_for_status) {
            tracing::warn!(error = %error.without_url(), "slack did not take an answer to a click");
        }
    }

    /// Only Slack's own hosts, and that of the configured API: nothing that came from outside sends us anywhere else.
    fn is_slacks(&self, address: &str) -> bool {
        let Ok(address) = Url::parse(address) else { return false };
        let api = Url::parse(&self.url).ok();
        let same =
            api.is_some_and(|api| (api.scheme(), api.host_str(), api.port()) == (address.scheme(), address.host_str(), address.port()));
        same || (address.scheme() == "https" && address.host_str() == Some("hooks.slack.com"))
    }
}
