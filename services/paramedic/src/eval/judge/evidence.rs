//! What the reasons for the diagnosis cite, and what it says.

use std::collections::BTreeSet;

use paramedic_domain::{diagnosis::Diagnosis, evidence::Evidence};

use super::{
    super::truth::{Citation, Phrase, Truth},
    Line,
    answer::Answer,
};
use crate::text;

/// Citations, and what is required of them.
pub fn lines(truth: &Truth, answer: &Answer<'_>) -> Vec<Line> {
    const RULES: [(&str, u32); 2] = [("evidence", 5), ("required evidence", 10)];
    let Some(diagnosis) = answer.diagnosis else {
        let why = || vec!["no diagnosis was reached".to_owned()];
        return RULES.map(|(rule, of)| Line::all_or_nothing(rule, of, why())).to_vec();
    };
    let [(citations, all), (required, parts)] = RULES;
    let wanted = truth.evidence.len() + truth.expect.findings.len();
    vec![
        Line::all_or_nothing(citations, all, unfounded(diagnosis)),
        Line::in_parts(required, parts, wanted, missing(truth, diagnosis)),
    ]
}

/// Reasons without evidence that is there.
fn unfounded(diagnosis: &Diagnosis) -> Vec<String> {
    let there: BTreeSet<_> = diagnosis.evidence.iter().map(|evidence| &evidence.id).collect();
    let founded = |cited: &[_]| !cited.is_empty() && cited.iter().all(|id| there.contains(id));
    let mut why: Vec<String> = diagnosis
        .factors
        .iter()
        .filter(|factor| !founded(&factor.evidence))
        .map(|factor| format!("a reason cites nothing, or what is not there: {}", text::clean(&factor.text)))
        .collect();
    if diagnosis.factors.is_empty() {
        why.push("the diagnosis gives no reason".to_owned());
    }
    why
}

/// What is neither cited nor said.
fn missing(truth: &Truth, diagnosis: &Diagnosis) -> Vec<String> {
    let cited: BTreeSet<_> = diagnosis.factors.iter().flat_map(|factor| &factor.evidence).collect();
    let proves = |citation: &Citation, evidence: &Evidence| {
        let said = citation.says.said_in(&evidence.query) || citation.says.said_in(&evidence.excerpt);
        said && citation.source.fits(&text::word(&evidence.source)) && cited.contains(&evidence.id)
    };
    let uncited = truth
        .evidence
        .iter()
        .filter(|citation| !diagnosis.evidence.iter().any(|evidence| proves(citation, evidence)))
        .map(|citation| format!("no reason cites {} of {}", citation.says, citation.source));
    let unsaid = truth
        .expect
        .findings
        .iter()
        .filter(|finding| !says(diagnosis, finding))
        .map(|finding| format!("the diagnosis does not say {finding}"));
    uncited.chain(unsaid).collect()
}

fn says(diagnosis: &Diagnosis, phrase: &Phrase) -> bool {
    let factors = diagnosis.factors.iter().map(|factor| &factor.text);
    let mut texts = [&diagnosis.summary]
        .into_iter()
        .chain(&diagnosis.causal_chain)
        .chain(factors)
        .chain(&diagnosis.missing_sources);
    texts.any(|text| phrase.said_in(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::*;

    #[test]
    fn a_reason_that_cites_nothing_or_what_is_not_there_costs_the_citations() {
        for cited in [json!([]), json!(["ev-9"])] {
            let score = Case::good()
                .diagnosed(|diagnosis| diagnosis["factors"][0]["evidence"] = cited.clone())
                .score();
            assert_eq!(points(&score, &["evidence"]), [0], "{cited}");
        }
        let silent = Case::good().diagnosed(|diagnosis| diagnosis["factors"] = json!([])).score();
        assert_eq!(points(&silent, &["evidence", "required evidence"]), [0, 3]);
    }

    #[test]
    fn what_was_seen_but_is_cited_by_no_reason_does_not_count() {
        let score = Case::good()
            .diagnosed(|diagnosis| diagnosis["factors"][1]["evidence"] = json!(["ev-1"]))
            .score();
        assert_eq!(points(&score, &["evidence", "required evidence"]), [5, 6]);
        assert!(why(&score, "required evidence").contains("restarts"));
    }

    #[test]
    fn the_source_counts_too() {
        let score = Case::good()
            .diagnosed(|diagnosis| diagnosis["evidence"][0]["source"] = json!("loki"))
            .score();
        assert_eq!(points(&score, &["required evidence"]), [6]);
    }

    #[test]
    fn findings_are_said_in_words() {
        let score = Case::good()
            .diagnosed(|diagnosis| diagnosis["summary"] = json!("something is wrong"))
            .score();
        assert_eq!(points(&score, &["required evidence"]), [6]);
        assert!(why(&score, "required evidence").contains("does not say"));
    }
}
