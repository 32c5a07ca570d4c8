//! Alerting: evaluates the scenario's rules on the simulated clock and posts what Alertmanager would post.
//!
//! - `rules`: which alerts are pending, firing, resolved; pure
//! - `template`: labels and annotations with placeholders
//! - `groups`: which notification is due, and its payload; pure
//! - `silences`: what is not told, as Alertmanager's API takes it
//! - `delivery`: the loop and the HTTP client

mod delivery;
mod groups;
mod rules;
mod silences;
mod template;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test owns the tasks it spawns")]
mod tests;

pub use self::{delivery::run, silences::Silences};

/// Where notifications go.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Address that takes an Alertmanager webhook (version 4).
    pub url: String,
    /// Sent as `Authorization: Bearer ...` if given.
    pub bearer: Option<String>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token stays out of logs.
        f.debug_struct("Webhook")
            .field("url", &self.url)
            .field("bearer", &self.bearer.is_some())
            .finish()
    }
}
