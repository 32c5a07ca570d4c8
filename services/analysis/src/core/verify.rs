//! Measurements become a verdict, with what stays true in spite of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    evidence::Evidence,
    plan::Plan,
    verification::{self, Criterion, Measurement, Probe, Verdict, Verification},
};

use super::quantity::{human, parse};

/// A measured slope counts when the window after the change is at least this long; before, noise is greater than growth.
const SLOPE_WINDOW: Duration = Duration::from_secs(3600);

/// What a probe said about a criterion.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The criterion.
    pub criterion: Criterion,
    /// The value; `None` if it could not be measured.
    pub value: Option<f64>,
    /// Where it comes from, or why there is none.
    pub evidence: Evidence,
}

/// The verification of a finished plan.
#[must_use]
pub fn conclude(diagnosis: &Diagnosis, plan: &Plan, readings: Vec<Reading>, changed_at: Timestamp, now: Timestamp) -> Verification {
    let measurements: Vec<Measurement> = readings
        .into_iter()
        .map(|reading| Measurement {
            holds: reading.value.map(|value| reading.criterion.holds(value)),
            after: reading.value,
            criterion: reading.criterion,
            evidence: reading.evidence,
        })
        .collect();
    let window = Duration::try_from(now.duration_since(changed_at)).unwrap_or_default();
    let verdict = verification::verdict(&measurements);
    let mut caveats: Vec<String> = measurements
        .iter()
        .filter(|m| m.holds.is_none())
        .map(|m| format!("not measured: {} ({})", m.criterion.description, m.evidence.excerpt))
        .collect();
    let recurrence = (diagnosis.category == Category::MemoryLeak)
        .then(|| leak_goes_on(diagnosis, plan, &measurements, window, now))
        .flatten();
    if let Some((_, caveat)) = &recurrence {
        caveats.push(caveat.clone());
    }
    Verification {
        summary: summary(verdict, &measurements, recurrence.is_some()),
        verdict,
        measurements,
        caveats,
        window,
        expected_recurrence: recurrence.map(|(at, _)| at),
    }
}

/// When the leak will reach the limit again, and the sentence about it; `None` when growth has measurably ended.
fn leak_goes_on(
    diagnosis: &Diagnosis,
    plan: &Plan,
    measurements: &[Measurement],
    window: Duration,
    now: Timestamp,
) -> Option<(Timestamp, String)> {
    let measured = measurements.iter().find(|m| m.criterion.unit == "bytes/h");
    let fresh = measured.filter(|_| window >= SLOPE_WINDOW).and_then(|m| m.after);
    if measured.is_some_and(|m| m.holds == Some(true)) && fresh.is_some() {
        return None;
    }
    let before = || {
        let stored = measured.and_then(|m| m.criterion.before);
        stored.or_else(|| {
            diagnosis
                .evidence
                .iter()
                .filter(|e| e.unit == "bytes/h")
                .filter_map(|e| e.value)
                .max_by(f64::total_cmp)
        })
    };
    let slope = fresh.or_else(before).filter(|slope| *slope > 0.0)?;
    let limit = limit_after(plan, measurements)?;
    let used = measurements.iter().find(|m| m.criterion.unit == "bytes").and_then(|m| m.after)?;
    let hours = ((limit - used) / slope).max(0.0);
    let at = now.checked_add(SignedDuration::try_from_secs_f64(hours * 3600.0).ok()?).ok()?;
    let source = if fresh.is_some() {
        "measured after the change".to_owned()
    } else {
        format!(
            "measured before the change: {:.0} min after it are too short for a new slope",
            window.as_secs_f64() / 60.0
        )
    };
    let text = format!(
        "the leak goes on at {}/h; next OOM kill expected at {} (in {hours:.0} h, from {} of {}; slope {source})",
        human(slope),
        at.strftime("%Y-%m-%dT%H:%MZ"),
        human(used),
        human(limit)
    );
    Some((at, text))
}

/// The limit that holds now: what the plan set, else what the working set was compared with.
fn limit_after(plan: &Plan, measurements: &[Measurement]) -> Option<f64> {
    let set = plan
        .steps
        .iter()
        .filter(|step| step.action == "increase_resources")
        .filter_map(|step| step.parameters.get("memory")?.as_str())
        .find_map(parse);
    let compared = || {
        let criterion = measurements
            .iter()
            .find(|m| m.criterion.unit == "bytes" && matches!(m.criterion.probe, Probe::Promql { .. }))?;
        Some(criterion.criterion.threshold / 0.9)
    };
    set.or_else(compared)
}

fn summary(verdict: Verdict, measurements: &[Measurement], leaks: bool) -> String {
    let decisive: Vec<&Measurement> = measurements.iter().filter(|m| m.criterion.decisive).collect();
    let held = decisive.iter().filter(|m| m.holds == Some(true)).count();
    let broken: Vec<String> = decisive
        .iter()
        .filter(|m| m.holds == Some(false))
        .map(|m| format!("{} (measured {})", m.criterion.description, number(m)))
        .collect();
    match verdict {
        Verdict::Passed if leaks => format!(
            "the mitigation holds: {held} of {} measurements pass; it does not cure the leak",
            decisive.len()
        ),
        Verdict::Passed => format!("the fix holds: {held} of {} measurements pass", decisive.len()),
        Verdict::Failed => format!("the fix does not hold; not true: {}", broken.join("; ")),
        Verdict::Inconclusive => format!("{held} of {} measurements pass, the others could not be made", decisive.len()),
    }
}

fn number(measurement: &Measurement) -> String {
    measurement.after.map_or_else(
        || "nothing".into(),
        |value| match measurement.criterion.unit.as_str() {
            "bytes" => human(value),
            unit => format!("{value} {unit}"),
        },
    )
}

/// The sentence an incident is closed with.
#[must_use]
pub fn closing(verification: &Verification) -> String {
    let mut text = format!(
        "verified {} min after the last change: {}",
        verification.window.as_secs() / 60,
        verification.summary
    );
    for caveat in &verification.caveats {
        text.push_str("; ");
        text.push_str(caveat);
    }
    text
}
