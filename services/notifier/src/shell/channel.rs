//! The port to the providers that carry messages.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use paramedic_domain::event::Receipt;

use crate::core::{message::Message, story};

/// A message on its way to one recipient.
pub struct Outgoing<'a> {
    /// What it says.
    pub message: &'a Message,
    /// Idempotency key: the same for every try.
    pub key: &'a str,
    /// Whom it is for.
    pub recipient: &'a str,
    /// The first message of the incident that this recipient got.
    pub thread: Option<&'a Receipt>,
    /// When its event happened.
    pub time: Timestamp,
    /// An earlier try may have arrived without being recorded.
    pub again: bool,
    /// Files: name and content.
    pub files: &'a [(String, Bytes)],
}

/// What the provider said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The provider's id of the message.
    pub message_id: String,
    /// The provider's id of the thread.
    pub thread: String,
}

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// May work later.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// How long the provider wants to be left alone, in real time.
        after: Option<Duration>,
    },
    /// Will not work like this.
    #[error("{reason}")]
    Permanent {
        /// What happened.
        reason: String,
    },
}

/// Carries messages to people.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// `email`, `slack`, ...
    fn name(&self) -> &'static str;
    /// Everybody who gets every message.
    fn recipients(&self) -> &[String];
    /// Whether a recipient is one person, who may get links that decide in their name.
    fn personal(&self) -> bool {
        false
    }
    /// Whether it carries files.
    fn files(&self) -> bool {
        false
    }
    /// The kinds of events that it tells people about: all that there are, but for pagers.
    fn kinds(&self) -> &'static [&'static str] {
        &story::KINDS
    }
    /// A question that was delivered is decided: it shows how, and offers no answer any more. Where a message cannot be changed, the
    /// message about the decision must do.
    async fn close(&self, _question: &Receipt, _closed: &Message) -> Result<(), SendError> {
        Ok(())
    }
    /// Delivers one message. A repeated try of the same key gives the same message where the provider allows it.
    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Delivered, SendError>;
}
