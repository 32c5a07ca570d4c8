//! `paramedic`: every role of the product and the command line for people, in one binary.

#![allow(unreachable_pub, reason = "a binary has no outside: pub marks what its other modules use")]

mod cli;
mod client;
mod commands;
mod drill;
mod eval;
mod process;
mod range;
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
