//! The kill switch, as it can be typed.

use clap::{Args, Subcommand};

use super::Server;

/// Commands about the kill switch.
#[derive(Debug, Subcommand)]
pub enum KillSwitch {
    /// Stop every change in every cluster, now and until it is released: nothing is begun and nothing undone.
    Throw(Move),
    /// Let changes go on: what waited goes on where it stood, if it still may.
    Release(Move),
    /// Say where it stands. The exit code is 2 while it is thrown.
    Show {
        #[command(flatten)]
        server: Server,
    },
}

/// Who and why.
#[derive(Debug, Args)]
pub struct Move {
    #[command(flatten)]
    pub server: Server,
    /// Why.
    #[arg(long)]
    pub reason: String,
    /// Your name, where the server does not know you by a token.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
}
