//! `paramedic plan ...`.

use clap::{Args, Subcommand};

use super::Server;

/// Commands about plans.
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// Show the plan that a set of recommendations would become; changes nothing. Exit code 2: refused.
    Preview(Preview),
    /// Show an incident's plan with its exact changes and the other ways out. Exit code 2: refused.
    Show {
        #[command(flatten)]
        server: Server,
        /// Incident id.
        id: String,
    },
    /// Take another way out, or other parameters: the running plan ends, and a new one is asked about.
    Choose(Choice),
}

/// What to preview.
#[derive(Debug, Args)]
pub struct Preview {
    /// JSON file with recommendations; - reads standard input.
    pub file: String,
    /// Cluster; without it, the one that the planner serves.
    #[arg(long)]
    pub cluster: Option<String>,
    /// Confidence of the diagnosis behind them, 0 to 1.
    #[arg(long)]
    pub confidence: Option<f64>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// gRPC address of `paramedic up`, or of the planner.
    #[arg(long, env = "PARAMEDIC_PLANNER_SERVER", default_value = "http://127.0.0.1:9095")]
    pub planner: String,
}

/// Another way out.
#[derive(Debug, Args)]
pub struct Choice {
    #[command(flatten)]
    pub server: Server,
    /// gRPC address of the planner, where it is not the server's.
    #[arg(long, env = "PARAMEDIC_PLANNER_SERVER")]
    pub planner: Option<String>,
    /// Incident id.
    pub id: String,
    /// Number of the option, as `paramedic plan show` lists them.
    pub option: u32,
    /// Another value of a step's parameter: STEP.param=value.
    #[arg(long, value_name = "STEP.param=value")]
    pub set: Vec<String>,
    /// Your name.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
    /// Your words, kept in the log.
    #[arg(long)]
    pub reason: String,
}
