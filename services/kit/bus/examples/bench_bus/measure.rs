//! Timing, percentiles, the table.

use std::{
    fmt::Write,
    future::Future,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::task::JoinSet;

/// One measurement.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    /// Operations per second.
    pub(crate) rate: f64,
    p50: Duration,
    p99: Duration,
    /// Of the ceiling.
    pub(crate) ratio: Option<f64>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, wall: Duration, mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |share: f64| {
            let index = (times.len() as f64 * share) as usize;
            times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        Self {
            what: what.into(),
            rate: times.len() as f64 / wall.as_secs_f64(),
            p50: at(0.5),
            p99: at(0.99),
            ratio: None,
        }
    }
}

/// Runs `each` of the jobs' operations, all jobs at once, `per_job` operations in each.
pub(crate) async fn timed<F, Fut>(what: &str, jobs: usize, per_job: usize, start: F) -> Result<Row>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<Vec<Duration>>> + Send + 'static,
{
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for job in 0..jobs {
        running.spawn(start(job));
    }
    let mut times = Vec::with_capacity(jobs * per_job);
    for result in running.join_all().await {
        times.extend(result?);
    }
    Ok(Row::new(what, begun.elapsed(), times))
}

pub(crate) fn table(rows: &[Row]) -> String {
    let mut out = String::from("| what | per second | p50 us | p99 us | of ceiling |\n|---|---:|---:|---:|---:|\n");
    for row in rows {
        let ratio = row.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let (p50, p99) = (row.p50.as_micros(), row.p99.as_micros());
        writeln!(out, "| {} | {:.0} | {p50} | {p99} | {ratio} |", row.what, row.rate).expect("a string");
    }
    out
}
