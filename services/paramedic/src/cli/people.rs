//! `paramedic people ...`.

use std::path::PathBuf;

use clap::Subcommand;

/// Commands about who may do what.
#[derive(Debug, Subcommand)]
pub enum People {
    /// Read a people file and say everything that is wrong with it.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Make a token: prints it, and the hash of it that goes into the people file.
    Token,
    /// Say what somebody may do, by a name of theirs in any channel.
    May {
        /// The file.
        file: PathBuf,
        /// An identity or address.
        name: String,
        /// A namespace.
        #[arg(long)]
        namespace: String,
        /// The cluster.
        #[arg(long, default_value = "default")]
        cluster: String,
    },
}
