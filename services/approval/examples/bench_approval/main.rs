//! How many questions may wait at once, and how fast people's answers are counted meanwhile: the real role on JetStream, asked through gRPC.
//!
//! ```text
//! bench_approval [--gates N] [--decisions N] [--callers N]
//! ```
//! Next to it, in the same run: what the bus gives at best, one compare-and-set append by each of as many writers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement, not a service"
)]

mod ceiling;
mod questions;
mod stage;

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};

use self::stage::Stage;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Incidents prepared at once.
const PREPARING: usize = 64;

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let (mut gates, mut decisions, mut callers) = (10_000, 5_000, 16);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().and_then(|value| value.parse().ok());
        let value: usize = value.unwrap_or_else(|| panic!("{word} needs a number"));
        match word.as_str() {
            "--gates" => gates = value,
            "--decisions" => decisions = value.min(gates),
            "--callers" => callers = value,
            other => panic!("unknown argument {other}: see the head of this file"),
        }
    }
    let stage = Stage::start().await;
    let raw = ceiling::appends_per_second(&stage.kit.bus, callers).await;

    let prepared: Vec<_> = stream::iter(0..gates)
        .map(|number| questions::prepare(&stage.kit, number))
        .buffer_unordered(PREPARING)
        .collect()
        .await;
    let began = Instant::now();
    let running = stage.serve(callers).await;
    let mut asked = 0;
    while asked < gates {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = stage.happened("approval_requested").await;
        assert!(
            now > asked || began.elapsed() < Duration::from_secs(120),
            "only {now} of {gates} questions were asked"
        );
        asked = asked.max(now);
    }
    let asking = began.elapsed();
    println!(
        "{gates} questions asked in {:.1} s ({:.0}/s); all of them wait",
        asking.as_secs_f64(),
        gates as f64 / asking.as_secs_f64()
    );

    let began = Instant::now();
    let mut times: Vec<Duration> = stream::iter(prepared.into_iter().take(decisions).enumerate())
        .map(|(number, question)| running.decide(number % callers, question))
        .buffer_unordered(callers)
        .collect()
        .await;
    let rate = decisions as f64 / began.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!(
        "{decisions} decisions by {callers} callers while {} others wait: {rate:.0}/s, p50/p99 {:.1}/{:.1} ms",
        gates - decisions,
        at(50),
        at(99)
    );
    println!(
        "raw appends by {callers} writers: {raw:.0}/s; a decision is one event: {:.0} % of raw",
        rate / raw * 100.0
    );
    println!("memory of the process: {} MiB", stage::resident_mib());
    stage.end(running).await;
}
