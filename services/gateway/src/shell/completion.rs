//! Asks Alertmanager for what it left out of a webhook.

use std::time::Duration;

use futures::StreamExt;
use paramedic_runtime::config::Invalid;
use reqwest::Url;

use super::budget::Budget;
use crate::{
    core::{body::Chunks, completion, reading::Group},
    metrics,
};

/// Longest wait for the whole answer; Alertmanager itself waits for ours meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// One Alertmanager's API.
pub(crate) struct Alertmanager {
    client: reqwest::Client,
    url: Url,
}

impl Alertmanager {
    /// # Errors
    /// When the URL is none.
    pub(crate) fn new(key: &str, url: &str, client: &reqwest::Client) -> Result<Self, Invalid> {
        let url: Result<Url, _> = format!("{}/api/v2/alerts/groups", url.trim_end_matches('/')).parse();
        match url {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self {
                client: client.clone(),
                url,
            }),
            Ok(_) | Err(_) => Err(Invalid::new(key, "is not an http(s) URL")),
        }
    }

    /// The answer for the group's receiver, at most `limit` bytes within the room of `source`.
    async fn ask(&self, receiver: &str, limit: usize, budget: &Budget, source: usize) -> Result<(Chunks, super::budget::Room), String> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("active", "true")
            .append_pair("silenced", "false")
            .append_pair("inhibited", "false")
            .append_pair("receiver", &format!("^(?:{})$", escaped(receiver)));
        let answer = self.client.get(url).send().await.and_then(reqwest::Response::error_for_status);
        let mut pieces = answer.map_err(|error| error.without_url().to_string())?.bytes_stream();
        let no_room = || "there is no room for the answer now".to_owned();
        let mut room = budget.enter(source).ok_or_else(no_room)?;
        let mut chunks = Chunks::default();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| error.without_url().to_string())?;
            if chunks.bytes() + piece.len() > limit {
                return Err(format!("the answer has more than {limit} bytes"));
            }
            room = room.grow(piece.len() as u64).ok_or_else(no_room)?;
            chunks.push(piece);
        }
        Ok((chunks, room))
    }
}

/// Completes a truncated group. What cannot be completed is stored as the part that it is, and counted.
pub(crate) async fn complete(source: &str, number: usize, api: Option<&Alertmanager>, group: &mut Group, limit: usize, budget: &Budget) {
    let Some(missing) = &group.missing else { return };
    let (alerts, receiver) = (missing.alerts, missing.receiver.clone());
    metrics::truncated(source, alerts);
    let Some(api) = api else {
        metrics::completion(source, "no_url");
        tracing::warn!(
            source,
            alerts,
            "Alertmanager left alerts out: set max_alerts of the receiver to 0, or give the source an alertmanager_url"
        );
        return;
    };
    let asked = tokio::time::timeout(PATIENCE, api.ask(&receiver, limit, budget, number)).await;
    let completed = match asked {
        Ok(Ok((answer, _room))) => completion::complete(group, answer),
        Ok(Err(problem)) => Err(problem),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    match completed {
        Ok(()) => metrics::completion(source, "completed"),
        Err(problem) => {
            metrics::completion(source, "failed");
            tracing::warn!(
                source,
                alerts,
                problem,
                "Alertmanager left alerts out, and its API did not give them; what came is stored as a part of its group"
            );
        }
    }
}

/// A text that a regular expression takes as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_alphanumeric() && c != '_' && c != '-' && c != '/' && c != ' ' {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
