//! `paramedic storm ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Commands about storms.
#[derive(Debug, Subcommand)]
pub enum Storm {
    /// Write the storm of a seed: posts.jsonl, topology.json, truth.json.
    Generate(Generate),
}

/// Which storm.
#[derive(Debug, Args)]
pub struct Generate {
    /// Where chance begins; the same seed gives the same storm.
    #[arg(long)]
    pub seed: u64,
    /// Services of the estate.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(6..=2000))]
    pub services: u16,
    /// Incidents that overlap.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=10))]
    pub incidents: u8,
    /// What makes it harder.
    #[arg(long, value_enum, default_value = "plain")]
    pub variant: Variant,
    /// Folder to write to; it is made where it is missing.
    #[arg(long)]
    pub out: PathBuf,
}

/// What makes a storm harder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Variant {
    /// Nothing.
    Plain,
    /// A node is drained meanwhile, as declared in windows.json.
    Maintenance,
    /// Incidents come in pairs that look alike.
    Twins,
}

impl From<Variant> for paramedic_storm::Variant {
    fn from(variant: Variant) -> Self {
        match variant {
            Variant::Plain => Self::Plain,
            Variant::Maintenance => Self::Maintenance,
            Variant::Twins => Self::Twins,
        }
    }
}
