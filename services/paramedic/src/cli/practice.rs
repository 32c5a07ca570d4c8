//! `paramedic drill`, `paramedic eval` and `paramedic simulate`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};

/// Who approves in a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Approve {
    /// You, in the terminal.
    Ask,
    /// The drill itself, at once.
    Auto,
    /// Nobody: answer from elsewhere (`paramedic approve`, the link in the mail).
    Never,
}

/// Options of a drill.
#[derive(Debug, Args)]
pub struct Drill {
    /// A built-in scenario (payment-oom, cascading-failure, redis-storm, db-deadlock, bad-release, slow-release, gateway-503) or a scenario file.
    pub scenario: String,
    /// Who approves.
    #[arg(long, value_enum, default_value = "ask")]
    pub approve: Approve,
    /// How many times faster than the wall clock everything runs.
    #[arg(long, default_value_t = 20.0)]
    pub speed: f64,
    /// Another bus than the embedded one: nats://host:port.
    #[arg(long)]
    pub bus: Option<String>,
    /// Print one JSON object at the end instead of the story.
    #[arg(long)]
    pub json: bool,
    /// Keep serving after the incident ended, for `paramedic show` and the like.
    #[arg(long)]
    pub keep: bool,
    /// Address of the gRPC APIs during the drill.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub grpc: SocketAddr,
    /// Export traces to this OpenTelemetry collector (gRPC).
    #[arg(long)]
    pub otlp: Option<String>,
    /// Log filter; the story needs no log lines.
    #[arg(long, default_value = "error")]
    pub log: String,
}

/// Who diagnoses in an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The rules and engines, no model.
    Rules,
    /// A model alone; it chooses among the steps that the engines propose.
    Model,
    /// The rules and engines, and a model that is always asked.
    Both,
}

/// The model of an evaluation. Its API key, if it needs one, is read from PARAMEDIC_ANALYSIS__MODEL__API_KEY.
#[derive(Debug, Args)]
pub struct Model {
    /// Who diagnoses. A model needs --model-url and, unless it is HolmesGPT, --model.
    #[arg(long, value_enum, default_value = "rules")]
    pub engine: Engine,
    /// Base URL of the model, as analysis.model.url.
    #[arg(long = "model-url", default_value = "")]
    pub url: String,
    /// Name of the model, as analysis.model.name.
    #[arg(long = "model", default_value = "")]
    pub name: String,
    /// What it speaks, as analysis.model.provider: openai, anthropic or holmes.
    #[arg(long = "model-provider", default_value = "openai")]
    pub provider: String,
}

/// Which cases, and how.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// Folders of cases, or folders of such folders.
    #[arg(required = true)]
    pub cases: Vec<PathBuf>,
    /// Only the case of this name. May be given several times.
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,
    /// Also five variants of each case: other names, another order, other times, other image tags, labels in another order.
    #[arg(long)]
    pub variants: bool,
    /// Where the chance of the variants begins.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The exit code is 0 only if every case reaches so many points of 100.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub at_least: u32,
    /// How many times faster than the wall clock everything runs.
    #[arg(long, default_value_t = 60.0)]
    pub speed: f64,
    /// Who diagnoses.
    #[command(flatten)]
    pub model: Model,
    /// Print everything as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Log filter; the results need no log lines.
    #[arg(long, default_value = "off")]
    pub log: String,
}

/// Options of the simulated cluster.
#[derive(Debug, Args)]
pub struct Simulate {
    /// A built-in scenario or a scenario file.
    pub scenario: String,
    /// Listen address of the Kubernetes API (Prometheus, Loki and Jaeger are below /prometheus, /loki and /jaeger).
    #[arg(long, default_value = "127.0.0.1:6443")]
    pub listen: SocketAddr,
    /// How many times faster than the wall clock it runs.
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// Where to write a kubeconfig for it.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// Post its alerts to this Alertmanager webhook receiver.
    #[arg(long)]
    pub webhook: Option<String>,
    /// Bearer token of the receiver.
    #[arg(long, env = "PARAMEDIC_WEBHOOK_TOKEN", hide_env_values = true, default_value = "")]
    pub webhook_token: String,
    /// Append every API request to this file, one JSON object a line.
    #[arg(long)]
    pub audit: Option<PathBuf>,
}
