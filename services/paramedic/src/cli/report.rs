//! `paramedic report`.

use clap::Args;

/// What a person reports.
#[derive(Debug, Args)]
pub struct Report {
    /// What is wrong, in a sentence.
    pub text: String,
    /// Namespace it is in.
    #[arg(long)]
    pub namespace: Option<String>,
    /// critical, warning or info.
    #[arg(long, default_value = "warning")]
    pub severity: String,
    /// A label that says more, as in deployment=payment-service. May be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,
    /// Your name.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
    /// URL of the gateway's source for reports.
    #[arg(long, env = "PARAMEDIC_REPORT_URL", default_value = "http://127.0.0.1:8080/api/v1/alerts/report")]
    pub url: String,
    /// Bearer token of that source.
    #[arg(long, env = "PARAMEDIC_REPORT_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}
