//! Recommendations and plans.

use paramedic_domain::{
    id::StepId,
    plan::{Gate, Plan, Recommendation, Refusal, Rollback, Step},
};
use paramedic_proto::v1;

use crate::{
    Invalid, Wire,
    codec::{Field, message, words},
};

words!(Rollback => Rollback { Automatic, None });
message!(Recommendation => Recommendation {
    id, action, description, confidence, dependencies, rationale, risk, requires_approval;
    parameters = parameters_json
});
message!(Step => Step {
    id, action, description, rationale, depends_on, change, risk, policy, gate, timeout;
    parameters = parameters_json
});
message!(Gate => Gate { id, steps, digest, risk, reason, quorum, expires_after });
message!(Plan => Plan {
    id, attempt, summary, steps, gates, levels, critical_path, longest, rollback, criteria, notes
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
