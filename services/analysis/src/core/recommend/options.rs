//! Ways out as people choose among them.

use paramedic_domain::plan::{Approach, PlanOption, Recommendation};

/// One way out.
pub(super) fn option(approach: Approach, title: impl Into<String>, tradeoff: impl Into<String>, steps: Vec<Recommendation>) -> PlanOption {
    PlanOption {
        approach,
        title: title.into(),
        tradeoff: tradeoff.into(),
        recommendations: steps,
        refusals: Vec::new(),
        rollback: None,
    }
}
