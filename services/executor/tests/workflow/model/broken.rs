//! What must hold at the end and the log alone cannot show.

use std::collections::BTreeSet;

use paramedic_domain::{event::WorkflowOutcome, fault::FailureKind, id::StepId, plan::Rollback, workflow::StepState};

use super::Model;
use crate::strategy::{Fate, GateAnswer};

impl Model {
    /// What the log alone cannot show.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let run = self.incident.run.as_ref().expect("there is a plan");
        let Some((outcome, _)) = &run.ended else {
            return vec![format!("INV-11: the workflow did not end: {}; {}", self.cluster, self.waiting())];
        };
        if self.incident.misfits > 0 {
            broken.push(format!("INV-03: {} events did not fit the state they met", self.incident.misfits));
        }
        // INV-05: no attempt of a step applied its change twice, whatever was delivered how often.
        for (step, (applied, undone)) in &self.cluster.counts {
            if *applied > 1 || *undone > 1 {
                broken.push(format!("INV-05: step {step} was applied {applied} times and undone {undone} times"));
            }
        }
        // An undo that only our own rules refused would page a person for nothing.
        for (step, state) in &run.steps {
            if matches!(
                state.state,
                StepState::UndoFailed {
                    kind: FailureKind::Forbidden,
                    ..
                }
            ) {
                broken.push(format!("step {step} was to be undone out of turn"));
            }
        }
        let untouched = run.cancelled.is_none() && self.incident.revision.is_none() && self.story.deadline.is_none();
        let smooth = untouched
            && self.incident.end.is_none()
            && self
                .story
                .gates
                .iter()
                .all(|gate| gate.answer == GateAnswer::Grant && !gate.tampered)
            && !self.disturbed
            && self
                .story
                .steps
                .iter()
                .all(|step| step.fates.iter().all(|fate| *fate == Fate::Works));
        if smooth && *outcome != WorkflowOutcome::Succeeded {
            broken.push(format!("nothing went wrong, but it ended {outcome:?}"));
        }
        broken.extend(self.cluster.unpermitted.iter().cloned());
        broken.extend(self.reopened.iter().cloned());
        if let Some(held) = self.cluster.left_held() {
            broken.push(format!("INV-07: {held} is still held after the end"));
        }
        let left: BTreeSet<&StepId> = self.cluster.marks.iter().collect();
        let known: BTreeSet<&StepId> = run.effects.iter().collect();
        match outcome {
            WorkflowOutcome::Succeeded => {}
            WorkflowOutcome::RolledBack if !left.is_empty() => broken.push(format!("INV-08: rolled back, but {left:?} is in the cluster")),
            WorkflowOutcome::Cancelled if !left.is_empty() => {
                broken.push(format!("INV-08: cancelled, but {left:?} is in the cluster"));
            }
            WorkflowOutcome::Failed if self.story.rollback == Rollback::Automatic => {
                broken.push("INV-08: effects were kept although the plan undoes them".into());
            }
            WorkflowOutcome::RolledBack | WorkflowOutcome::Cancelled | WorkflowOutcome::Failed | WorkflowOutcome::Stuck => {}
        }
        if let Some(unknown) = left.difference(&known).next() {
            broken.push(format!("INV-08: the effect of {unknown} is in the cluster and nobody knows"));
        }
        broken
    }
}
