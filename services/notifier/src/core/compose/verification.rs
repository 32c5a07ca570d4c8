//! Whether it helped, by measurement.

use paramedic_domain::verification::{Measurement, Verdict, Verification};

use super::Draft;
use crate::core::{
    message::{Block, Tone, facts, list, paragraph},
    words,
};

pub(super) fn measured(verification: &Verification) -> Draft {
    let tone = match verification.verdict {
        Verdict::Passed => Tone::Good,
        Verdict::Failed | Verdict::Inconclusive => Tone::Bad,
    };
    Draft::new(tone, format!("Verification {}", words::verdict(verification.verdict)))
        .with(paragraph(&verification.summary))
        .with((!verification.measurements.is_empty()).then(|| Block::Table {
            title: format!("Measured {} after the last change", words::duration(verification.window)),
            header: ["Criterion", "Before", "After", "Wanted", "Holds"].map(str::to_owned).into(),
            rows: verification.measurements.iter().map(row).collect(),
        }))
        .with(list("What stays true", verification.caveats.clone()))
        .with(list("Evidence", verification.measurements.iter().map(origin).collect()))
        .with(
            verification
                .expected_recurrence
                .map(|at| facts([("Expected to come back", words::time(at))])),
        )
}

fn row(measurement: &Measurement) -> Vec<String> {
    let criterion = &measurement.criterion;
    let value = |value: Option<f64>| value.map_or_else(|| "not measured".to_owned(), |value| words::quantity(value, &criterion.unit));
    let holds = match (measurement.holds, criterion.decisive) {
        (Some(true), true) => "yes",
        (Some(false), true) => "NO",
        (None, true) => "unknown",
        (Some(true), false) => "yes (not decisive)",
        (Some(false), false) => "no (not decisive)",
        (None, false) => "unknown (not decisive)",
    };
    vec![
        criterion.description.clone(),
        value(criterion.before),
        value(measurement.after),
        format!(
            "{} {}",
            words::comparison(criterion.comparison),
            words::quantity(criterion.threshold, &criterion.unit)
        ),
        holds.to_owned(),
    ]
}

/// Where a number comes from, such that a person can measure again.
fn origin(measurement: &Measurement) -> String {
    let evidence = &measurement.evidence;
    format!(
        "{}: {} at {}: {}",
        measurement.criterion.description,
        words::source(evidence.source),
        words::time(evidence.observed_at),
        words::cut(&evidence.query, 300)
    )
}
