//! What an incident needs, by what became of its plan.

use jiff::Timestamp;
use paramedic_domain::{
    event::{FailureCause, WorkflowOutcome},
    fault::FailureKind,
    id::{IncidentId, StepId},
    incident::{Incident, Revision},
    workflow::Run,
};

use super::{
    fixtures::{Case, id, now},
    p01::seven,
};
use crate::core::decide::{Need, need};

const MAX_PLANS: u32 = 3;

/// An incident whose plan number `plans` ended like this.
fn ended(plans: u32, outcome: WorkflowOutcome, cause: Option<FailureCause>, revised: bool) -> Incident {
    let plan = Case::of(seven()).plan().unwrap();
    let mut incident = Incident::new("test".parse().unwrap(), IncidentId::derive(&["test"]));
    let mut run = Run::new(&plan, Timestamp::UNIX_EPOCH);
    run.ended = Some((outcome, cause));
    incident.diagnosis = Some(super::options::diagnosis().into());
    incident.plans = plans;
    incident.run = Some(run);
    incident.revision = revised.then(|| Revision {
        plan: plan.id.clone(),
        recommendations: seven(),
        options: Vec::new(),
        chosen: 0,
        by: "sam".into(),
        at: now(),
    });
    incident.plan = Some(plan.into());
    incident
}

fn failed(kind: FailureKind) -> Option<FailureCause> {
    let step: StepId = id("rec-003");
    Some(FailureCause::StepFailed { step, kind })
}

#[test]
fn a_new_plan_follows_drift_and_a_persons_word_and_nothing_else() {
    use WorkflowOutcome::{Cancelled, Failed, RolledBack, Stuck, Succeeded};
    let superseded = || Some(FailureCause::Superseded);
    let plan = |attempt| Need::Plan { attempt };
    let table = [
        (1, Succeeded, None, false, Need::Nothing),
        (1, RolledBack, failed(FailureKind::Drift), false, plan(2)),
        (1, RolledBack, failed(FailureKind::Permanent), false, Need::Nothing),
        (1, Stuck, failed(FailureKind::Drift), false, Need::Nothing),
        (3, RolledBack, failed(FailureKind::Drift), false, Need::GiveUp { attempt: 4 }),
        (1, Cancelled, superseded(), true, plan(2)),
        (1, RolledBack, superseded(), true, plan(2)),
        (1, Failed, superseded(), true, plan(2)),
        (3, Cancelled, superseded(), true, plan(4)),
        (1, Stuck, superseded(), true, Need::Nothing),
        (1, Cancelled, superseded(), false, Need::Nothing),
        (1, Succeeded, None, true, Need::Nothing),
        (1, Cancelled, Some(FailureCause::Cancelled), false, Need::Nothing),
        (1, RolledBack, Some(FailureCause::Deadline), false, Need::Nothing),
    ];
    for (plans, outcome, cause, revised, wanted) in table {
        let incident = ended(plans, outcome, cause.clone(), revised);
        assert_eq!(need(&incident, MAX_PLANS), wanted, "{plans} {outcome:?} {cause:?} {revised}");
    }
}

#[test]
fn a_running_plan_is_never_replaced_before_it_has_ended() {
    let mut incident = ended(1, WorkflowOutcome::Cancelled, Some(FailureCause::Superseded), true);
    if let Some(run) = &mut incident.run {
        run.ended = None;
    }
    assert_eq!(need(&incident, MAX_PLANS), Need::Nothing);
}
