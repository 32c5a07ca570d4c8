//! Which alerts belong together, as it can be typed.

use clap::{Args, Subcommand};

use super::Server;

/// Commands that correct how alerts are grouped.
#[derive(Debug, Subcommand)]
pub enum Regroup {
    /// Two incidents are one.
    Merge {
        #[command(flatten)]
        who: Who,
        /// The incident that continues as the other.
        from: String,
        /// The other.
        into: String,
    },
    /// Some alerts of an incident are an incident of their own.
    Split {
        #[command(flatten)]
        who: Who,
        /// The incident.
        incident: String,
        /// Fingerprints of the alerts, as `paramedic show` lists them.
        #[arg(required = true)]
        alerts: Vec<String>,
    },
    /// Some alerts of an incident belong to none.
    Detach {
        #[command(flatten)]
        who: Who,
        /// The incident.
        incident: String,
        /// Fingerprints of the alerts, as `paramedic show` lists them.
        #[arg(required = true)]
        alerts: Vec<String>,
    },
}

/// Who says so, to whom.
#[derive(Debug, Args)]
pub struct Who {
    #[command(flatten)]
    pub server: Server,
    /// Your name, where the server does not know you by a token.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
}
