//! `paramedic request`.

use clap::{Args, Subcommand};

/// What may be asked for.
#[derive(Debug, Subcommand)]
pub enum Request {
    /// A release: run a Deployment from another image.
    Deploy(Deploy),
    /// What a Terraform or OpenTofu module describes: planned, shown, and applied once somebody approved that plan.
    Apply(Apply),
    /// What a cloud account cost in a month: a report, nothing changes.
    Costs(Costs),
}

/// An account and a month.
#[derive(Debug, Args)]
pub struct Costs {
    /// The account, 12 digits.
    pub account: String,
    /// The month, like 2026-10.
    #[arg(long)]
    pub month: String,
    #[command(flatten)]
    pub asker: Asker,
}

/// A module.
#[derive(Debug, Args)]
pub struct Apply {
    /// Name of the module in [[executor.modules]].
    pub module: String,
    #[command(flatten)]
    pub asker: Asker,
}

/// A release.
#[derive(Debug, Args)]
pub struct Deploy {
    /// The Deployment.
    #[arg(value_name = "NAMESPACE/DEPLOYMENT")]
    pub target: String,
    /// The image, with its tag or digest.
    #[arg(long, value_name = "REPOSITORY:TAG")]
    pub image: String,
    /// The container; left out: the one whose image has the same repository, or the only one.
    #[arg(long)]
    pub container: Option<String>,
    #[command(flatten)]
    pub asker: Asker,
}

/// Who asks, and where.
#[derive(Debug, Args)]
pub struct Asker {
    /// An id of the request: what is asked again with the same id is asked once. Left out: a new one.
    #[arg(long)]
    pub id: Option<String>,
    /// Your name, for those who read it; who asks is what the token says.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
    /// URL of the gateway's source for requests.
    #[arg(long, env = "PARAMEDIC_REQUEST_URL", default_value = "http://127.0.0.1:8080/api/v1/requests")]
    pub url: String,
    /// Bearer token of that source.
    #[arg(long, env = "PARAMEDIC_REQUEST_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}
