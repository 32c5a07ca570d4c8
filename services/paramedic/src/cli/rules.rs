//! `paramedic rules ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Commands about diagnoses as data.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Every rule: what it diagnoses, and what it looks at.
    List(List),
    /// Check rules and run their tests: those that come with the product, and those of a folder.
    Test {
        /// Folder with rules (*.yaml) and tests (*.test.yaml) of your own.
        folder: Option<PathBuf>,
    },
    /// Everything that expressions of rules may name, as Markdown.
    Fields,
}

/// How to list.
#[derive(Debug, Args)]
pub struct List {
    /// Folder with rules of your own.
    pub folder: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
