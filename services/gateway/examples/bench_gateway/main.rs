//! How much the gateway takes: webhooks made durable, alerts correlated, and a storm from its first webhook until it has settled.
//!
//! ```text
//! bench_gateway [PART]... [--seconds S] [--alerts N] [--distinct N] [--storms N] [--product FILE] [--json FILE]
//! ```
//! PART: `accept` (webhooks against the raw publish and ack of the same messages, measured in the same run), `correlate` (the whole
//! partition, on one core), `storm` (fifty alerts through the product's binary: `--product`, or the one that was built beside this); all
//! of them without one.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, not a service"
)]

mod accept;
mod ceiling;
mod correlate;
mod figures;
mod sender;
mod storm;

use std::path::PathBuf;

use serde_json::{Value, json};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to measure.
struct Arguments {
    parts: Vec<String>,
    /// Length of each row of `accept`, in seconds.
    seconds: u64,
    /// Alerts of the mix of `correlate`.
    alerts: u64,
    /// Different alerts that are in the window at once.
    distinct: u64,
    /// Storms of fifty alerts.
    storms: u64,
    product: Option<PathBuf>,
    json: Option<PathBuf>,
}

const PARTS: [&str; 3] = ["accept", "correlate", "storm"];

impl Arguments {
    fn parse() -> Self {
        let mut arguments = Self {
            parts: Vec::new(),
            seconds: 5,
            alerts: 1_000_000,
            distinct: 1_000_000,
            storms: 20,
            product: beside(),
            json: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--seconds" => arguments.seconds = value().parse().unwrap(),
                "--alerts" => arguments.alerts = value().parse().unwrap(),
                "--distinct" => arguments.distinct = value().parse().unwrap(),
                "--storms" => arguments.storms = value().parse().unwrap(),
                "--product" => arguments.product = Some(value().into()),
                "--json" => arguments.json = Some(value().into()),
                part if PARTS.contains(&part) => arguments.parts.push(part.into()),
                other => panic!("unknown argument {other}: see the head of this file"),
            }
        }
        if arguments.parts.is_empty() {
            arguments.parts = PARTS.map(str::to_owned).to_vec();
        }
        arguments
    }
}

/// The product's binary of the same profile, if there is one.
fn beside() -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    let binary = here.ancestors().nth(2)?.join("paramedic");
    binary.is_file().then_some(binary)
}

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let arguments = Arguments::parse();
    println!("load average before: {}", figures::load_average());
    let mut report = serde_json::Map::new();
    for part in &arguments.parts {
        let measured: Value = match part.as_str() {
            "accept" => json!(accept::run(arguments.seconds).await),
            "correlate" => json!(correlate::run(arguments.alerts, arguments.distinct)),
            _ => json!(storm::run(arguments.product.as_deref(), arguments.storms).await),
        };
        report.insert(part.clone(), measured);
    }
    println!("\nload average after: {}", figures::load_average());
    if let Some(path) = arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report).unwrap()).unwrap();
    }
}
