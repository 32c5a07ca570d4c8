//! How fast workflows run: seven steps whose work is instant, through the real executor, on a real bus.
//!
//! ```text
//! bench_engine [--backend jetstream|jetstream-always|embedded]... [--in-flight N]... [--seconds S] [--workflows N] [--json FILE]
//! ```
//! Every table carries the ceiling measured in the same run: one compare-and-set append, alone and with 64 writers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, not a service"
)]

mod ceiling;
mod load;
mod plan;
mod report;
mod stage;

use std::path::PathBuf;

use self::{
    report::{Report, Row},
    stage::{Backend, Stage},
};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to measure.
struct Arguments {
    backends: Vec<Backend>,
    in_flight: Vec<usize>,
    seconds: u64,
    workflows: Option<u64>,
    json: Option<PathBuf>,
}

impl Arguments {
    fn parse() -> Self {
        let mut arguments = Self {
            backends: Vec::new(),
            in_flight: Vec::new(),
            seconds: 10,
            workflows: None,
            json: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--backend" => arguments.backends.push(value().parse().unwrap()),
                "--in-flight" => arguments.in_flight.push(value().parse().unwrap()),
                "--seconds" => arguments.seconds = value().parse().unwrap(),
                "--workflows" => arguments.workflows = Some(value().parse().unwrap()),
                "--json" => arguments.json = Some(value().into()),
                other => panic!("unknown argument {other}: see the head of this file"),
            }
        }
        if arguments.backends.is_empty() {
            arguments.backends = vec![Backend::JetStream, Backend::JetStreamAlways, Backend::Embedded];
        }
        if arguments.in_flight.is_empty() {
            arguments.in_flight = vec![1, 16, 64, 200, 400];
        }
        arguments
    }
}

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let arguments = Arguments::parse();
    let mut report = Report::default();
    for backend in &arguments.backends {
        let stage = Stage::start(*backend).await;
        let ceiling = ceiling::measure(&stage.kit.bus).await;
        println!("{}", report.ceiling(*backend, ceiling));
        for in_flight in &arguments.in_flight {
            let measured = load::run(&stage, *in_flight, arguments.seconds, arguments.workflows).await;
            println!("{}", report.row(Row::new(*backend, *in_flight, &measured, ceiling)));
        }
        stage.end().await;
    }
    if let Some(path) = arguments.json {
        std::fs::write(path, report.json()).unwrap();
    }
}
