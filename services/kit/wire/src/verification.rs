//! Criteria and verifications.

use paramedic_domain::verification::{Comparison, Criterion, Measurement, Probe, Verdict, Verification, WorkloadMetric};
use paramedic_proto::v1::{self, probe::Kind};

use crate::{
    Invalid, Wire,
    codec::{Field, message, message_field, words},
};

words!(WorkloadMetric => WorkloadMetric { UnreadyReplicas, RestartsSinceChange, OomKillsSinceChange });
words!(Comparison => Comparison { AtMost, AtLeast });
words!(Verdict => Verdict { Passed, Failed, Inconclusive });
message!(Criterion => Criterion { description, probe, comparison, threshold, unit, before, decisive });
message!(Measurement => Measurement { criterion, after, holds, evidence });
message!(Verification => Verification { verdict, summary, measurements, caveats, window, expected_recurrence });
message_field!(Probe);

impl Wire for Probe {
    type Proto = v1::Probe;
    fn to_proto(&self) -> v1::Probe {
        let kind = match self {
            Self::Promql { query } => Kind::Promql(query.clone()),
            Self::Workload { target, metric } => Kind::Workload(v1::probe::Workload {
                target: target.to_field(),
                metric: metric.to_field(),
            }),
            Self::Field { path, pointer } => Kind::Field(v1::probe::Field {
                path: path.clone(),
                pointer: pointer.clone(),
            }),
            Self::Reported { action, figure } => Kind::Reported(v1::probe::Reported {
                action: action.clone(),
                figure: figure.clone(),
            }),
        };
        v1::Probe { kind: Some(kind) }
    }
    fn from_proto(proto: v1::Probe) -> Result<Self, Invalid> {
        match proto.kind {
            Some(Kind::Promql(query)) => Ok(Self::Promql { query }),
            Some(Kind::Workload(workload)) => Ok(Self::Workload {
                target: Field::from_field(workload.target).map_err(|invalid: Invalid| invalid.within("workload.target"))?,
                metric: Field::from_field(workload.metric).map_err(|invalid: Invalid| invalid.within("workload.metric"))?,
            }),
            Some(Kind::Field(field)) => Ok(Self::Field {
                path: field.path,
                pointer: field.pointer,
            }),
            Some(Kind::Reported(reported)) => Ok(Self::Reported {
                action: reported.action,
                figure: reported.figure,
            }),
            None => Err(Invalid::new("kind", "is missing or unknown")),
        }
    }
}
