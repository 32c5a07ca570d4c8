//! Measurements become a verdict, with what stays true in spite of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    evidence::Evidence,
    plan::Plan,
    verification::{self, Criterion, Measurement, Probe, Verdict, Verification},
};

use super::{
    afterwards::is_signal,
    criteria::LIMIT_SHARE,
    quantity::{human, parse},
};

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

/// What a plan did before its effect is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// When its last change was done; `None`: it changed nothing.
    pub changed_at: Option<Timestamp>,
    /// When its workflow ended.
    pub ended_at: Timestamp,
}

/// The verification of a finished plan. `unresolved`: alerts that nobody has called over yet.
#[must_use]
pub fn conclude(
    diagnosis: &Diagnosis,
    plan: &Plan,
    readings: Vec<Reading>,
    done: Done,
    unresolved: &[&str],
    now: Timestamp,
) -> Verification {
    let measurements: Vec<Measurement> = readings
        .into_iter()
        .map(|reading| Measurement {
            holds: reading.value.map(|value| reading.criterion.holds(value)),
            after: reading.value,
            criterion: reading.criterion,
            evidence: reading.evidence,
        })
        .collect();
    let since = done.changed_at.unwrap_or(done.ended_at);
    let window = Duration::try_from(now.duration_since(since)).unwrap_or_default();
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
    if !unresolved.is_empty() {
        caveats.push(format!("not resolved yet: {}", unresolved.join(", ")));
    }
    Verification {
        summary: match done.changed_at {
            Some(_) => summary(verdict, &measurements, recurrence.is_some()),
            None => untouched(verdict, &measurements),
        },
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
    let slope = fresh
        .or_else(|| slope_before(diagnosis, measured.map(|m| &m.criterion)))
        .filter(|slope| *slope > 0.0)?;
    let limit = limit_after(plan, measurements.iter().map(|m| &m.criterion))?;
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

/// The growth when the diagnosis was made, bytes per hour.
pub(super) fn slope_before<'c>(diagnosis: &Diagnosis, criteria: impl IntoIterator<Item = &'c Criterion>) -> Option<f64> {
    let stored = criteria.into_iter().filter(|c| c.unit == "bytes/h").find_map(|c| c.before);
    stored.or_else(|| {
        let measured = diagnosis.evidence.iter().filter(|e| e.unit == "bytes/h");
        measured.filter_map(|e| e.value).max_by(f64::total_cmp)
    })
}

/// The limit that holds now: what the plan set, else what the working set is compared with.
pub(super) fn limit_after<'c>(plan: &Plan, criteria: impl IntoIterator<Item = &'c Criterion>) -> Option<f64> {
    let set = plan
        .steps
        .iter()
        .filter(|step| step.action == "increase_resources")
        .filter_map(|step| step.parameters.get("memory")?.as_str())
        .find_map(parse);
    let compared = || {
        let mut criteria = criteria.into_iter();
        let criterion = criteria.find(|c| c.unit == "bytes" && matches!(c.probe, Probe::Promql { .. }))?;
        Some(criterion.threshold / LIMIT_SHARE)
    };
    set.or_else(compared)
}

/// Whether it failed for no other reason than that alerts still fire: their rules may look back further than the change.
#[must_use]
pub fn only_alerts_fire(verification: &Verification) -> bool {
    let mut broken = verification
        .measurements
        .iter()
        .filter(|m| m.criterion.decisive && m.holds == Some(false))
        .peekable();
    broken.peek().is_some() && broken.all(|m| is_signal(&m.criterion))
}

fn untouched(verdict: Verdict, measurements: &[Measurement]) -> String {
    match verdict {
        Verdict::Passed => format!("nothing was changed, and it is well: {} measurements pass", measurements.len()),
        Verdict::Failed => format!("nothing was changed, and it is not well: {}", not_true(measurements)),
        Verdict::Inconclusive => "nothing was changed, and whether it is well could not be measured".into(),
    }
}

fn summary(verdict: Verdict, measurements: &[Measurement], leaks: bool) -> String {
    let decisive: Vec<&Measurement> = measurements.iter().filter(|m| m.criterion.decisive).collect();
    let held = decisive.iter().filter(|m| m.holds == Some(true)).count();
    match verdict {
        Verdict::Passed if leaks => format!(
            "the mitigation holds: {held} of {} measurements pass; it does not cure the leak",
            decisive.len()
        ),
        Verdict::Passed => format!("the fix holds: {held} of {} measurements pass", decisive.len()),
        Verdict::Failed => format!("the fix does not hold; not true: {}", not_true(measurements)),
        Verdict::Inconclusive => format!("{held} of {} measurements pass, the others could not be made", decisive.len()),
    }
}

fn not_true(measurements: &[Measurement]) -> String {
    let broken = measurements.iter().filter(|m| m.criterion.decisive && m.holds == Some(false));
    let each = broken.map(|m| format!("{} (measured {})", m.criterion.description, number(m)));
    each.collect::<Vec<_>>().join("; ")
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
