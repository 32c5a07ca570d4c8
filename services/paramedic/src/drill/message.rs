//! What the drill's mail and Slack sinks pass on.

/// A message that a sink received.
pub struct Message {
    /// `email` or `slack`.
    pub channel: &'static str,
    /// Where it went.
    pub recipient: String,
    /// Subject or fallback text.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// It answers an earlier message of the thread.
    pub reply: bool,
}
