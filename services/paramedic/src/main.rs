//! `paramedic`: every role of the product and the command line for people, in one binary.

mod cli;
mod client;
mod commands;
mod drill;
mod process;
mod reference;
mod roles;
mod settings;
mod simulate;
mod text;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().ok();
    process::exit_code(cli::Cli::parse())
}
