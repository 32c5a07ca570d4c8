//! Events of every kind in envelopes.

use paramedic_domain::{
    approval::{Channel, Decision},
    envelope::Envelope,
    event::{Artifact, Direction, Event, FailureCause, Receipt, WorkflowOutcome},
    fault::{Effect, FailureKind},
    plan::{Refusal, StepEdit},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    base::{digest, id, object, span, text, texts, time},
    correlation::{position, ranking},
    plan::plan,
    words::{alert, diagnosis, evidence, priority, request, severity, verification},
};

fn direction() -> impl Strategy<Value = Direction> {
    select(vec![Direction::Forward, Direction::Undo])
}

fn failure() -> impl Strategy<Value = FailureKind> {
    select(vec![
        FailureKind::Transient,
        FailureKind::Permanent,
        FailureKind::Drift,
        FailureKind::Timeout,
        FailureKind::LeaseLost,
        FailureKind::Forbidden,
    ])
}

fn channel() -> impl Strategy<Value = Channel> {
    select(vec![Channel::Cli, Channel::Email, Channel::Slack, Channel::Web, Channel::Grpc])
}

fn decision() -> impl Strategy<Value = Decision> {
    let channel = channel();
    let policy = proptest::option::of(digest());
    ((id("gate_"), digest(), text(), channel, text()), (text(), text(), policy))
        .prop_map(|((gate, digest, by, channel, reason), (right, behalf_of, policy))| Decision {
            gate,
            digest,
            by,
            channel,
            reason,
            right,
            behalf_of,
            policy,
        })
        .boxed()
}

fn intake() -> impl Strategy<Value = Event> {
    prop_oneof![
        (text(), severity(), vec(alert(), 0..3), option::of(text()), option::of(request())).prop_map(
            |(title, severity, alerts, traceparent, request)| Event::IncidentOpened {
                title,
                severity,
                alerts,
                traceparent,
                request,
            }
        ),
        (vec(alert(), 0..3), text(), vec(text(), 0..3), option::of(position())).prop_map(|(alerts, reason, reasons, position)| {
            Event::AlertsCorrelated {
                alerts,
                reason,
                reasons,
                position,
            }
        }),
        (ranking(), option::of(text()), position()).prop_map(|(ranking, title, position)| Event::RootsRanked { ranking, title, position }),
        (texts(), option::of(id("inc_")), text(), position()).prop_map(|(fingerprints, into, reason, position)| {
            Event::AlertsDetached {
                fingerprints,
                into,
                reason,
                position,
            }
        }),
        (texts(), time()).prop_map(|(fingerprints, at)| Event::AlertsResolved { fingerprints, at }),
        (any::<u32>(), text()).prop_map(|(alerts, reason)| Event::StormDeclared { alerts, reason }),
        (id("inc_"), text()).prop_map(|(into, reason)| Event::IncidentMerged { into, reason }),
        (severity(), priority(), text(), text(), text()).prop_map(|(severity, priority, environment, team, rule)| {
            Event::IncidentTriaged {
                severity,
                priority,
                environment,
                team,
                rule,
            }
        }),
        (texts(), text(), option::of(time()), option::of(position())).prop_map(|(fingerprints, by, until, position)| {
            Event::AlertsSuppressed {
                fingerprints,
                by,
                until,
                position,
            }
        }),
    ]
    .boxed()
}

fn thought() -> impl Strategy<Value = Event> {
    let refusal = (option::of(text()), text()).prop_map(|(step, reason)| Refusal { step, reason });
    let verified = || (any::<u32>(), verification().prop_map(Box::new));
    prop_oneof![
        any::<u32>().prop_map(|attempt| Event::AnalysisStarted { attempt }),
        (any::<u32>(), diagnosis().prop_map(Box::new)).prop_map(|(attempt, diagnosis)| Event::DiagnosisReached { attempt, diagnosis }),
        (any::<u32>(), texts(), vec(evidence(), 0..3)).prop_map(|(attempt, reasons, evidence)| Event::AnalysisInconclusive {
            attempt,
            reasons,
            evidence
        }),
        plan().prop_map(|plan| Event::PlanProposed { plan: Box::new(plan) }),
        (any::<u32>(), vec(refusal, 0..3)).prop_map(|(attempt, refusals)| Event::PlanRefused { attempt, refusals }),
        verified().prop_map(|(attempt, verification)| Event::VerificationPassed { attempt, verification }),
        verified().prop_map(|(attempt, verification)| Event::VerificationFailed { attempt, verification }),
        verified().prop_map(|(attempt, verification)| Event::VerificationInconclusive { attempt, verification }),
    ]
    .boxed()
}

fn approval() -> impl Strategy<Value = Event> {
    prop_oneof![
        (id("plan_"), id("gate_"), time()).prop_map(|(plan, gate, expires_at)| Event::ApprovalRequested { plan, gate, expires_at }),
        (id("plan_"), decision()).prop_map(|(plan, decision)| Event::ApprovalGranted { plan, decision }),
        (id("plan_"), decision()).prop_map(|(plan, decision)| Event::ApprovalDenied { plan, decision }),
        (id("plan_"), id("gate_")).prop_map(|(plan, gate)| Event::ApprovalExpired { plan, gate }),
        (id("plan_"), id("gate_"), text(), any::<u32>()).prop_map(|(plan, gate, to, level)| Event::ApprovalEscalated {
            plan,
            gate,
            to,
            level
        }),
        (id("plan_"), id("gate_"), any::<u32>()).prop_map(|(plan, gate, number)| Event::ApprovalReminded { plan, gate, number }),
        (id("plan_"), id("gate_"), text(), channel()).prop_map(|(plan, gate, by, channel)| Event::ApprovalAcknowledged {
            plan,
            gate,
            by,
            channel
        }),
        (id("gate_"), text(), channel(), text(), text()).prop_map(|(gate, by, channel, code, reason)| Event::ApprovalRefused {
            gate,
            by,
            channel,
            code,
            reason
        }),
    ]
    .boxed()
}

fn cause() -> impl Strategy<Value = FailureCause> {
    prop_oneof![
        (id(""), failure()).prop_map(|(step, kind)| FailureCause::StepFailed { step, kind }),
        id("gate_").prop_map(|gate| FailureCause::Denied { gate }),
        id("gate_").prop_map(|gate| FailureCause::Expired { gate }),
        Just(FailureCause::Cancelled),
        Just(FailureCause::Deadline),
        Just(FailureCause::Superseded),
    ]
    .boxed()
}

fn work() -> impl Strategy<Value = Event> {
    let artifact = (text(), any::<u64>(), digest()).prop_map(|(name, bytes, digest)| Artifact { name, bytes, digest });
    let effect = select(vec![Effect::None, Effect::Applied, Effect::Unknown]);
    let outcome = select(vec![
        WorkflowOutcome::Succeeded,
        WorkflowOutcome::RolledBack,
        WorkflowOutcome::Stuck,
        WorkflowOutcome::Cancelled,
        WorkflowOutcome::Failed,
    ]);
    prop_oneof![
        (id("plan_"), id(""), direction(), any::<u32>(), id("")).prop_map(|(plan, step, direction, attempt, worker)| Event::StepStarted {
            plan,
            step,
            direction,
            attempt,
            worker
        }),
        (id("plan_"), id(""), any::<u32>(), text(), vec(artifact, 0..3)).prop_map(|(plan, step, attempt, summary, artifacts)| {
            Event::StepSucceeded {
                plan,
                step,
                attempt,
                summary,
                artifacts,
            }
        }),
        (id("plan_"), id(""), direction(), any::<u32>(), failure(), effect, text()).prop_map(
            |(plan, step, direction, attempt, kind, effect, message)| Event::StepFailed {
                plan,
                step,
                direction,
                attempt,
                kind,
                effect,
                message
            }
        ),
        (id("plan_"), id(""), text(), text()).prop_map(|(plan, step, by, reason)| Event::StepSkipped { plan, step, by, reason }),
        (id("plan_"), id(""), any::<u32>(), text()).prop_map(|(plan, step, attempt, summary)| Event::StepUndone {
            plan,
            step,
            attempt,
            summary
        }),
        (id("plan_"), outcome, option::of(cause())).prop_map(|(plan, outcome, cause)| Event::WorkflowFinished { plan, outcome, cause }),
    ]
    .boxed()
}

/// What people and clocks say about a workflow.
fn control() -> impl Strategy<Value = Event> {
    let edit = (id(""), object()).prop_map(|(step, parameters)| StepEdit { step, parameters });
    prop_oneof![
        (id("plan_"), any::<u32>(), vec(edit, 0..3), text(), text()).prop_map(|(plan, option, edits, by, reason)| Event::PlanRevised {
            plan,
            option,
            edits,
            by,
            reason
        }),
        (id("plan_"), id(""), direction(), any::<u32>(), text()).prop_map(|(plan, step, direction, attempt, message)| {
            Event::StepProgressed {
                plan,
                step,
                direction,
                attempt,
                message,
            }
        }),
        (id("plan_"), id(""), time()).prop_map(|(plan, step, due)| Event::ExpirySet { plan, step, due }),
        (id("plan_"), id(""), text()).prop_map(|(plan, step, summary)| Event::StepExpired { plan, step, summary }),
        (id("plan_"), id(""), text()).prop_map(|(plan, step, message)| Event::StepExpiryFailed { plan, step, message }),
        (id("plan_"), text(), text()).prop_map(|(plan, by, reason)| Event::WorkflowPaused { plan, by, reason }),
        (id("plan_"), text()).prop_map(|(plan, by)| Event::WorkflowResumed { plan, by }),
        (id("plan_"), text(), text()).prop_map(|(plan, by, reason)| Event::WorkflowCancelled { plan, by, reason }),
        (id("plan_"), text(), time()).prop_map(|(plan, reason, expires_at)| Event::RollbackAsked { plan, reason, expires_at }),
        (id("plan_"), any::<bool>(), text(), text()).prop_map(|(plan, undo, by, reason)| Event::RollbackDecided { plan, undo, by, reason }),
    ]
    .boxed()
}

fn end() -> impl Strategy<Value = Event> {
    let receipt =
        (text(), text(), text(), text(), text(), text()).prop_map(|(key, channel, recipient, title, message_id, thread)| Receipt {
            key,
            channel,
            recipient,
            title,
            message_id,
            thread,
        });
    prop_oneof![
        text().prop_map(|reason| Event::IncidentResolved { reason }),
        text().prop_map(|reason| Event::IncidentEscalated { reason }),
        (text(), text()).prop_map(|(by, reason)| Event::IncidentCancelled { by, reason }),
        receipt.prop_map(|receipt| Event::NotificationSent { receipt }),
        (text(), text(), text(), option::of(span())).prop_map(|(key, channel, error, next_try_in)| Event::NotificationFailed {
            key,
            channel,
            error,
            next_try_in
        }),
    ]
    .boxed()
}

/// Any envelope of the current schema.
pub(crate) fn envelope() -> impl Strategy<Value = Envelope> {
    let event = prop_oneof![intake(), thought(), approval(), work(), control(), end()];
    (
        id("evt_"),
        id(""),
        id("inc_"),
        any::<u64>(),
        time(),
        option::of(id("evt_")),
        digest(),
        event,
    )
        .prop_map(|(id, cluster, incident, seq, time, causation, previous, event)| Envelope {
            id,
            cluster,
            incident,
            seq,
            time,
            causation,
            schema: 1,
            previous,
            event,
        })
}
