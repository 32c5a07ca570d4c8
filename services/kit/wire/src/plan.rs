//! Recommendations and plans.

use paramedic_domain::{
    id::StepId,
    plan::{Approach, Estimate, Gate, Lasts, Plan, PlanOption, Recommendation, Refusal, Rollback, Step, StepEdit},
};
use paramedic_proto::v1::{self, lasts::Until};

use crate::{
    Invalid, Wire,
    codec::{Field, message, message_field, required, words},
};

words!(Rollback => Rollback { Automatic, Ask, None });
words!(Approach => Approach { Fix, Alternative, Mitigation });
message!(Estimate => Estimate { typical, samples });
message!(PlanOption => PlanOption { approach, title, tradeoff, recommendations, refusals, rollback });
message!(StepEdit => StepEdit { step; parameters = parameters_json });
message_field!(Lasts);
message!(Recommendation => Recommendation {
    id, action, description, confidence, dependencies, rationale, risk, requires_approval;
    parameters = parameters_json
});
message!(Step => Step {
    id, action, description, rationale, depends_on, change, risk, policy, gate, timeout, lasts, estimate, context;
    parameters = parameters_json
});
message!(Gate => Gate { id, steps, digest, risk, reason, quorum, expires_after });
message!(Plan => Plan {
    id, attempt, summary, steps, gates, levels, critical_path, longest, rollback, criteria, notes, deadline, estimate, options,
    chosen, policy
});
message!(Refusal => Refusal { step, reason });

/// One level of a plan: lists of lists need a message of their own.
impl Wire for Vec<StepId> {
    type Proto = v1::Level;
    fn to_proto(&self) -> v1::Level {
        v1::Level { steps: self.to_field() }
    }
    fn from_proto(proto: v1::Level) -> Result<Self, Invalid> {
        Field::from_field(proto.steps).map_err(|invalid: Invalid| invalid.within("steps"))
    }
}

impl Wire for Lasts {
    type Proto = v1::Lasts;
    fn to_proto(&self) -> v1::Lasts {
        let until = match self {
            Self::Workflow => Until::Workflow(v1::lasts::Workflow {}),
            Self::Verified => Until::Verified(v1::lasts::Verified {}),
            Self::For { duration } => Until::For(duration.to_proto()),
        };
        v1::Lasts { until: Some(until) }
    }
    fn from_proto(proto: v1::Lasts) -> Result<Self, Invalid> {
        match proto.until {
            Some(Until::Workflow(v1::lasts::Workflow {})) => Ok(Self::Workflow),
            Some(Until::Verified(v1::lasts::Verified {})) => Ok(Self::Verified),
            Some(Until::For(duration)) => required(Some(duration))
                .map(|duration| Self::For { duration })
                .map_err(|invalid: Invalid| invalid.within("for")),
            None => Err(Invalid::new("until", "is missing or unknown")),
        }
    }
}
