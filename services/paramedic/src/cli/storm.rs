//! `paramedic storm ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Commands about storms.
#[derive(Debug, Subcommand)]
pub enum Storm {
    /// Write the storm of a seed: posts.jsonl, topology.json, truth.json.
    Generate(Generate),
    /// Measure how well storms are taken apart: those in folders, or those of seeds.
    Eval(Eval),
    /// Turn other people's labelled data into storms.
    Convert {
        /// Whose data it is.
        #[command(subcommand)]
        from: Convert,
    },
}

/// Data that can be converted.
#[derive(Debug, Subcommand)]
pub enum Convert {
    /// ITBench: a folder of scenarios with groundtruth_v1.yaml.
    Itbench(Paths),
    /// PetShop: its archive (.tar.gz) or folder.
    Petshop(Paths),
}

/// From where to where.
#[derive(Debug, Args)]
pub struct Paths {
    /// The data.
    pub data: PathBuf,
    /// Folder to write to; every storm gets a folder in it.
    #[arg(long)]
    pub out: PathBuf,
}

/// Which storms to measure on.
#[derive(Debug, Args)]
pub struct Eval {
    /// Folders with posts.jsonl, topology.json and truth.json.
    #[arg(required_unless_present = "seeds", conflicts_with = "seeds")]
    pub storms: Vec<PathBuf>,
    /// Seeds of storms that are generated and not kept: FIRST..LAST, the last one excluded.
    #[arg(long, value_parser = seeds)]
    pub seeds: Option<std::ops::Range<u64>>,
    /// Services of the estates.
    #[arg(long, value_delimiter = ',', default_value = "12,40,120", value_parser = clap::value_parser!(u16).range(6..=2000))]
    pub services: Vec<u16>,
    /// Incidents that overlap.
    #[arg(long, value_delimiter = ',', default_value = "0,1,2,3,5", value_parser = clap::value_parser!(u8).range(0..=10))]
    pub incidents: Vec<u8>,
    /// What makes them harder.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "plain")]
    pub variant: Vec<Variant>,
    /// Also measure the correlator with parts of its evidence.
    #[arg(long)]
    pub ablate: bool,
    /// Print every figure as JSON.
    #[arg(long)]
    pub json: bool,
}

fn seeds(text: &str) -> Result<std::ops::Range<u64>, String> {
    let bounds = text
        .split_once("..")
        .and_then(|(first, last)| Some(first.parse().ok()?..last.parse().ok()?));
    bounds
        .filter(|seeds: &std::ops::Range<u64>| !seeds.is_empty())
        .ok_or_else(|| format!("{text} is no range of seeds: write 0..100 for the hundred from 0 to 99"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_leaves_out_its_end_and_is_not_empty() {
        assert_eq!(seeds("100..200"), Ok(100..200));
        for text in ["5", "5..5", "9..3", "a..b", "..4"] {
            assert!(seeds(text).unwrap_err().contains("write 0..100"), "{text}");
        }
    }
}
