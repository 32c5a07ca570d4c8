//! Recommendations and plans.

use paramedic_domain::{
    id::StepId,
    plan::{Approach, Estimate, Gate, Lasts, Plan, PlanOption, Recommendation, Refusal, Rollback, Step, StepEdit},
    terms::Terms,
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
message!(Plan => Plan {
    id, attempt, summary, steps, gates, levels, critical_path, longest, rollback, criteria, notes, deadline, estimate, options,
    chosen, policy
});
message!(Refusal => Refusal { step, reason });

/// A gate holds its terms' fields among its own.
impl Wire for Gate {
    type Proto = v1::Gate;
    fn to_proto(&self) -> v1::Gate {
        let terms = &self.terms;
        v1::Gate {
            id: self.id.to_field(),
            steps: self.steps.to_field(),
            digest: self.digest.to_field(),
            risk: self.risk.to_field(),
            reason: self.reason.to_field(),
            quorum: terms.quorum.to_field(),
            expires_after: terms.expires_after.to_field(),
            from: terms.from.to_field(),
            four_eyes: terms.four_eyes.to_field(),
            remind_every: terms.remind_every.to_field(),
            escalations: terms.escalations.to_field(),
        }
    }
    fn from_proto(proto: v1::Gate) -> Result<Self, Invalid> {
        Ok(Self {
            id: field("id", proto.id)?,
            steps: field("steps", proto.steps)?,
            digest: field("digest", proto.digest)?,
            risk: field("risk", proto.risk)?,
            reason: field("reason", proto.reason)?,
            terms: Terms {
                quorum: field("quorum", proto.quorum)?,
                expires_after: field("expires_after", proto.expires_after)?,
                from: field("from", proto.from)?,
                four_eyes: field("four_eyes", proto.four_eyes)?,
                remind_every: field("remind_every", proto.remind_every)?,
                escalations: field("escalations", proto.escalations)?,
            },
        })
    }
}

fn field<T: Field>(name: &str, proto: T::Proto) -> Result<T, Invalid> {
    T::from_field(proto).map_err(|invalid| invalid.within(name))
}

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
