//! What is wrong, how sure that is, and why.

use paramedic_domain::{
    diagnosis::{Diagnosis, Factor},
    evidence::Evidence,
};

use super::Draft;
use crate::core::{
    message::{Block, Tone, facts, list, paragraph},
    words,
};

/// Evidence shown in a message; all of it is in the log.
const SHOWN: usize = 12;
/// Characters of one excerpt and one query.
const EXCERPT: usize = 300;

pub(super) fn reached(diagnosis: &Diagnosis, attempt: u32) -> Draft {
    let what = words::category(diagnosis.category);
    let sure = words::percent(diagnosis.confidence);
    Draft::new(Tone::Info, format!("Diagnosis: {what} in {} ({sure})", diagnosis.target))
        .with(paragraph(&diagnosis.summary))
        .with(facts([
            ("Cause", what.to_owned()),
            ("At fault", diagnosis.target.to_string()),
            ("Confidence", sure),
            ("Engine", diagnosis.engine.clone()),
            ("Attempt", if attempt > 1 { attempt.to_string() } else { String::new() }),
        ]))
        .with(list("Cause to symptom", diagnosis.causal_chain.clone()))
        .with((!diagnosis.factors.is_empty()).then(|| factors(&diagnosis.factors)))
        .with(evidence(&diagnosis.evidence))
        .with(list("Sources that could not be asked", diagnosis.missing_sources.clone()))
}

pub(super) fn inconclusive(reasons: &[String], found: &[Evidence]) -> Draft {
    Draft::new(Tone::Action, "No cause found that can be trusted")
        .with(paragraph(
            "Nothing will be changed. What was looked at is below, for the person who takes over.",
        ))
        .with(list("Why", reasons.to_vec()))
        .with(evidence(found))
}

fn factors(factors: &[Factor]) -> Block {
    let row = |factor: &Factor| {
        let cited: Vec<&str> = factor.evidence.iter().map(paramedic_domain::id::EvidenceId::as_str).collect();
        vec![format!("{:+.2}", factor.weight), factor.text.clone(), cited.join(", ")]
    };
    Block::Table {
        title: "Why this confidence".into(),
        header: ["Weight", "Factor", "Evidence"].map(str::to_owned).into(),
        rows: factors.iter().map(row).collect(),
    }
}

fn evidence(evidence: &[Evidence]) -> Option<Block> {
    let row = |one: &Evidence| {
        let value = one.value.map(|value| words::quantity(value, &one.unit)).unwrap_or_default();
        vec![
            one.id.to_string(),
            format!("{} {}", words::source(one.source), words::time(one.observed_at)),
            words::cut(&one.excerpt, EXCERPT),
            value,
            words::cut(&one.query, EXCERPT),
        ]
    };
    let left = evidence.len().saturating_sub(SHOWN);
    let title = if left == 0 {
        "Evidence".to_owned()
    } else {
        format!("Evidence ({SHOWN} of {})", evidence.len())
    };
    (!evidence.is_empty()).then(|| Block::Table {
        title,
        header: ["Id", "Source", "Says", "Value", "Asked"].map(str::to_owned).into(),
        rows: evidence.iter().take(SHOWN).map(row).collect(),
    })
}
