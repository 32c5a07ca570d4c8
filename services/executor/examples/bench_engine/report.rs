//! Figures as a table and as JSON.

use std::time::Duration;

use serde::Serialize;

use crate::{ceiling::Ceiling, load::Measured, plan::STEPS, stage::Backend};

/// One line of the table. Times in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    backend: &'static str,
    in_flight: usize,
    workflows: usize,
    workflows_per_second: f64,
    steps_per_second: f64,
    workflow_p50_ms: f64,
    workflow_p99_ms: f64,
    step_p50_ms: f64,
    step_p99_ms: f64,
    events_per_step: f64,
    /// Median time of a workflow over its steps, in raw appends of one writer.
    appends_per_step_time: f64,
    /// Events appended per second over what 64 raw writers append.
    share_of_ceiling: f64,
    resident_mib: f64,
    append_p50_ms: f64,
    appends_per_second: f64,
}

impl Row {
    pub(crate) fn new(backend: Backend, in_flight: usize, measured: &Measured, ceiling: Ceiling) -> Self {
        let rate = measured.workflows.len() as f64 / measured.elapsed.as_secs_f64();
        let p50 = percentile(&measured.workflows, 0.5);
        let events = measured.events_per_step * STEPS as f64 + 2.0;
        Self {
            backend: backend.name(),
            in_flight,
            workflows: measured.workflows.len(),
            workflows_per_second: rate,
            steps_per_second: rate * STEPS as f64,
            workflow_p50_ms: p50,
            workflow_p99_ms: percentile(&measured.workflows, 0.99),
            step_p50_ms: percentile(&measured.steps, 0.5),
            step_p99_ms: percentile(&measured.steps, 0.99),
            events_per_step: measured.events_per_step,
            appends_per_step_time: p50 / STEPS as f64 / millis(ceiling.append),
            share_of_ceiling: rate * events / ceiling.rate,
            resident_mib: measured.resident,
            append_p50_ms: millis(ceiling.append),
            appends_per_second: ceiling.rate,
        }
    }
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn ceiling(&self, backend: Backend, ceiling: Ceiling) -> String {
        format!(
            "\n{}: one raw append {:.3} ms (median, one writer); 64 writers {:.0}/s\n\n{}\n{}",
            backend.name(),
            millis(ceiling.append),
            ceiling.rate,
            "| in flight | workflows/s | steps/s | workflow p50 ms | p99 ms | step p50 ms | p99 ms | events/step | step time in raw appends | share of 64 raw writers | memory MiB |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        )
    }

    pub(crate) fn row(&mut self, row: Row) -> String {
        let line = format!(
            "| {} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} | {:.0} % | {:.0} |",
            row.in_flight,
            row.workflows_per_second,
            row.steps_per_second,
            row.workflow_p50_ms,
            row.workflow_p99_ms,
            row.step_p50_ms,
            row.step_p99_ms,
            row.events_per_step,
            row.appends_per_step_time,
            row.share_of_ceiling * 100.0,
            row.resident_mib,
        );
        self.rows.push(row);
        line
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(&self.rows).unwrap()
    }
}

fn percentile(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
    sorted.get(at).copied().map_or(0.0, millis)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
