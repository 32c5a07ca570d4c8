//! `paramedic policy ...`.

use std::path::PathBuf;

use clap::Subcommand;

use paramedic_domain::policy::Mode;

use super::Server;

/// Commands about what runs by itself, what asks, and what must not run.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Print the policy that comes with the product, to start from.
    Shipped,
    /// Read a policy and say everything that is wrong with it.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Try the expectations that a policy file has under `tests`.
    Test {
        /// The file; without it: the policy that comes with the product.
        file: Option<PathBuf>,
    },
    /// Say of every step of an incident's plan which rule decides it, and why.
    Explain {
        #[command(flatten)]
        server: Server,
        /// Incident id.
        incident: String,
        /// The policy; without it: the one that comes with the product.
        #[arg(long)]
        file: Option<PathBuf>,
        /// Mode of the cluster: observe, standard or autonomous.
        #[arg(long, default_value = "standard", value_parser = mode)]
        mode: Mode,
    },
    /// Decide on the plans of past incidents again: what would be different under this policy?
    Simulate {
        #[command(flatten)]
        server: Server,
        /// The policy.
        #[arg(long)]
        file: PathBuf,
        /// How far back, as in 12h or 30d.
        #[arg(long, default_value = "30d", value_parser = since)]
        since: jiff::Span,
        /// Mode of the cluster: observe, standard or autonomous.
        #[arg(long, default_value = "standard", value_parser = mode)]
        mode: Mode,
    },
}

fn mode(text: &str) -> Result<Mode, String> {
    serde_json::from_value(text.into()).map_err(|_| format!("{text:?} is none of observe, standard, autonomous"))
}

fn since(text: &str) -> Result<jiff::Span, String> {
    let span: jiff::Span = text.parse().map_err(|_| format!("{text:?} is no time, as in 12h or 30d"))?;
    if span.is_negative() || span.is_zero() {
        return Err(format!("{text:?} is not in the past"));
    }
    Ok(span)
}
