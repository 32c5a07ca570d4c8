//! Events.

use paramedic_domain::{
    event::{Artifact, Direction, Event, FailureCause, Receipt, WorkflowOutcome},
    fault::{Effect, FailureKind},
};
use paramedic_proto::v1::{self, event::Kind, failure_cause::Cause};

use crate::{
    Invalid, Wire,
    codec::{Field, message, message_field, words},
};

words!(Direction => Direction { Forward, Undo });
words!(FailureKind => FailureKind { Transient, Permanent, Drift, Timeout, LeaseLost, Forbidden });
words!(Effect => Effect { None, Applied, Unknown });
words!(WorkflowOutcome => WorkflowOutcome { Succeeded, RolledBack, Stuck, Cancelled, Failed });
message!(Artifact => Artifact { name, bytes, digest });
message!(Receipt => Receipt { key, channel, recipient, title, message_id, thread });
message_field!(Event);

impl Wire for FailureCause {
    type Proto = v1::FailureCause;
    fn to_proto(&self) -> v1::FailureCause {
        let cause = match self {
            Self::StepFailed { step, kind } => Cause::StepFailed(v1::failure_cause::Failed {
                step: step.to_proto(),
                kind: kind.to_proto(),
            }),
            Self::Denied { gate } => Cause::DeniedGate(gate.to_proto()),
            Self::Expired { gate } => Cause::ExpiredGate(gate.to_proto()),
            Self::Cancelled => Cause::Cancelled(v1::failure_cause::Cancelled {}),
            Self::Deadline => Cause::Deadline(v1::failure_cause::Deadline {}),
            Self::Superseded => Cause::Superseded(v1::failure_cause::Superseded {}),
        };
        v1::FailureCause { cause: Some(cause) }
    }
    fn from_proto(proto: v1::FailureCause) -> Result<Self, Invalid> {
        match proto.cause {
            Some(Cause::StepFailed(failed)) => Ok(Self::StepFailed {
                step: Wire::from_proto(failed.step).map_err(|invalid: Invalid| invalid.within("step_failed.step"))?,
                kind: Wire::from_proto(failed.kind).map_err(|invalid: Invalid| invalid.within("step_failed.kind"))?,
            }),
            Some(Cause::DeniedGate(gate)) => Wire::from_proto(gate)
                .map(|gate| Self::Denied { gate })
                .map_err(|invalid: Invalid| invalid.within("denied_gate")),
            Some(Cause::ExpiredGate(gate)) => Wire::from_proto(gate)
                .map(|gate| Self::Expired { gate })
                .map_err(|invalid: Invalid| invalid.within("expired_gate")),
            Some(Cause::Cancelled(v1::failure_cause::Cancelled {})) => Ok(Self::Cancelled),
            Some(Cause::Deadline(v1::failure_cause::Deadline {})) => Ok(Self::Deadline),
            Some(Cause::Superseded(v1::failure_cause::Superseded {})) => Ok(Self::Superseded),
            None => Err(Invalid::new("cause", "is missing or unknown")),
        }
    }
}

/// The table of events: variant, the message that carries it, its fields.
macro_rules! events {
    ($($variant:ident => $message:ident { $($field:ident),* })*) => {
        impl Wire for Event {
            type Proto = v1::Event;
            fn to_proto(&self) -> v1::Event {
                let kind = match self {
                    $(Self::$variant { $($field),* } => Kind::$variant(v1::$message { $($field: $field.to_field()),* }),)*
                };
                v1::Event { kind: Some(kind) }
            }
            fn from_proto(proto: v1::Event) -> Result<Self, Invalid> {
                match proto.kind {
                    $(Some(Kind::$variant(message)) => Ok(Self::$variant { $(
                        $field: Field::from_field(message.$field)
                            .map_err(|invalid: Invalid| invalid.within(concat!(stringify!($variant), ".", stringify!($field))))?
                    ),* }),)*
                    None => Err(Invalid::new("kind", "is missing or unknown")),
                }
            }
        }
    };
}

events! {
    IncidentOpened => IncidentOpened { title, severity, alerts, traceparent, request }
    AlertsCorrelated => AlertsCorrelated { alerts, reason, reasons, position }
    AlertsResolved => AlertsResolved { fingerprints, at }
    StormDeclared => StormDeclared { alerts, reason }
    RootsRanked => RootsRanked { ranking, title, position }
    AlertsDetached => AlertsDetached { fingerprints, into, reason, position }
    IncidentMerged => IncidentMerged { into, reason }
    AnalysisStarted => AnalysisStarted { attempt }
    DiagnosisReached => DiagnosisReached { attempt, diagnosis }
    AnalysisInconclusive => AnalysisInconclusive { attempt, reasons, evidence }
    PlanProposed => PlanProposed { plan }
    PlanRefused => PlanRefused { attempt, refusals }
    ApprovalRequested => ApprovalRequested { plan, gate, expires_at }
    ApprovalGranted => ApprovalGranted { plan, decision }
    ApprovalDenied => ApprovalDenied { plan, decision }
    ApprovalExpired => ApprovalExpired { plan, gate }
    ApprovalEscalated => ApprovalEscalated { plan, gate, to, level }
    ApprovalReminded => ApprovalReminded { plan, gate, number }
    ApprovalRefused => ApprovalRefused { gate, by, channel, code, reason }
    ApprovalAcknowledged => ApprovalAcknowledged { plan, gate, by, channel }
    StepStarted => StepStarted { plan, step, direction, attempt, worker }
    StepSucceeded => StepSucceeded { plan, step, attempt, summary, artifacts }
    StepFailed => StepFailed { plan, step, direction, attempt, kind, effect, message }
    StepSkipped => StepSkipped { plan, step, by, reason }
    StepUndone => StepUndone { plan, step, attempt, summary }
    WorkflowFinished => WorkflowFinished { plan, outcome, cause }
    VerificationPassed => VerificationRecorded { attempt, verification }
    VerificationFailed => VerificationRecorded { attempt, verification }
    VerificationInconclusive => VerificationRecorded { attempt, verification }
    IncidentResolved => IncidentResolved { reason }
    IncidentEscalated => IncidentEscalated { reason }
    IncidentCancelled => IncidentCancelled { by, reason }
    NotificationSent => NotificationSent { receipt }
    NotificationFailed => NotificationFailed { key, channel, error, next_try_in }
    PlanRevised => PlanRevised { plan, option, edits, by, reason }
    StepProgressed => StepProgressed { plan, step, direction, attempt, message }
    ExpirySet => ExpirySet { plan, step, due }
    StepExpired => StepExpired { plan, step, summary }
    StepExpiryFailed => StepExpiryFailed { plan, step, message }
    WorkflowPaused => WorkflowPaused { plan, by, reason }
    WorkflowResumed => WorkflowResumed { plan, by }
    WorkflowCancelled => WorkflowCancelled { plan, by, reason }
    RollbackAsked => RollbackAsked { plan, reason, expires_at }
    RollbackDecided => RollbackDecided { plan, undo, by, reason }
    IncidentTriaged => IncidentTriaged { severity, priority, environment, team, rule }
    AlertsSuppressed => AlertsSuppressed { fingerprints, by, until, position }
}
