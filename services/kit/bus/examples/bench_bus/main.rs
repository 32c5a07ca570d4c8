//! How fast the bus is on this machine, next to what the machine and the server can do at most, measured in the same run.
//!
//! ```text
//! cargo run --release -p paramedic-bus --example bench_bus [-- SCALE]
//! ```
//! SCALE multiplies the numbers of operations (default 1.0; 0.1 is a quick look). Rates are per second, times in microseconds.
//! The embedded bus is measured against `fdatasync` of an appended 512 bytes, JetStream against the client's own publish + ack
//! (and pull + confirmed ack) on the same server.
#![expect(clippy::print_stdout, reason = "a program that prints a table")]

mod ceilings;
mod measure;
mod work;

use std::sync::Arc;

use anyhow::{Context, Result};
use paramedic_bus::{SharedBus, embedded::EmbeddedBus, jetstream::JetStreamBus};
use paramedic_testkit::servers::NatsServer;

use measure::{Row, table};

#[tokio::main]
async fn main() -> Result<()> {
    let scale = match std::env::args().nth(1) {
        Some(text) => text.parse().context("SCALE is a number")?,
        None => 1.0,
    };
    let mut rows = Vec::new();

    let directory = tempfile::TempDir::with_prefix("bench-")?;
    let fdatasync = ceilings::fdatasync(directory.path(), work::count(2_000, scale))?;
    rows.push(fdatasync.clone());
    let bus: SharedBus = Arc::new(EmbeddedBus::open(directory.path().join("bus"))?);
    let limits = work::Limits {
        sequential: fdatasync.rate,
        parallel: fdatasync.rate,
        consume: fdatasync.rate,
    };
    rows.extend(work::run("embedded", bus, &limits, scale).await?);

    let server = NatsServer::start().await?;
    let raw = ceilings::jetstream(&server.url(), scale).await?;
    let limits = work::Limits {
        sequential: raw[0].rate,
        parallel: raw[1].rate,
        consume: raw[2].rate,
    };
    rows.extend(raw);
    let bus: SharedBus = Arc::new(JetStreamBus::connect(&server.url(), Default::default()).await?);
    rows.extend(work::run("jetstream", bus, &limits, scale).await?);

    println!("{}", table(&rows));
    Ok(())
}

impl Row {
    /// The rate as a share of the ceiling measured in the same run.
    fn of(mut self, ceiling: f64) -> Self {
        self.ratio = Some(self.rate / ceiling);
        self
    }
}
