//! `paramedic approve`, `deny`, `ack` and `take-over`.

use clap::Args;

/// A gate, and who says something about it.
#[derive(Debug, Args)]
pub struct Question {
    /// Incident id.
    pub id: String,
    /// Gate id; needed when more than one waits.
    #[arg(long)]
    pub gate: Option<String>,
    /// Your name, where the server does not know you by a token.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
}

/// A decision on a gate.
#[derive(Debug, Args)]
pub struct Decision {
    /// Incident id.
    pub id: String,
    /// Gate id; needed when more than one waits.
    #[arg(long)]
    pub gate: Option<String>,
    /// Digest of the change you read; without it the change is shown and you are asked.
    #[arg(long)]
    pub digest: Option<String>,
    /// Your name, where the server does not know you by a token.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
    /// Your words, kept in the log.
    #[arg(long, default_value = "")]
    pub reason: String,
}
