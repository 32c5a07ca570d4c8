//! Random workflows against a model of bus, workers and cluster: every interleaving, repetition and crash must uphold
//! the invariants, and every workflow must end.

#![allow(clippy::unwrap_used)]

mod model;
mod permit;
mod strategy;

use paramedic_domain::invariant::check_log;
use proptest::prelude::*;

use crate::model::Model;

/// Enough for rare interleavings, few enough for a debug build; `PROPTEST_CASES` overrides it.
const CASES: u32 = 10_000;

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CASES)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_workflow_ends_and_upholds_the_invariants(story in strategy::story()) {
        let mut model = Model::new(&story);
        for choice in &story.choices {
            model.step(*choice);
        }
        model.settle();
        let violations = check_log(&model.log);
        prop_assert!(violations.is_empty(), "{violations:?}\n{}", model.transcript());
        let broken = model.broken();
        prop_assert!(broken.is_empty(), "{broken:?}\n{}", model.transcript());
    }
}
