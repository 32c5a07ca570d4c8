//! What follows from a person's word on a running workflow.

use jiff::Timestamp;
use paramedic_domain::{
    event::Event,
    fault::Effect,
    id::StepId,
    incident::Incident,
    plan::Rollback,
    workflow::{RollbackState, StepState},
};

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// No further step starts.
    Pause,
    /// Steps start again.
    Resume,
    /// What runs is finished, what was done is undone unless the plan keeps it.
    Cancel,
    /// One step is taken out; what depends on it goes on.
    Skip(StepId),
    /// The answer to the question what becomes of a failed workflow's effects.
    Rollback {
        /// They are undone; otherwise they stay.
        undo: bool,
    },
}

/// Why it does not fit: a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// The events that the word leads to, and what follows in one sentence.
///
/// # Errors
/// When there is nothing it could apply to.
pub fn decide(incident: &Incident, command: &Command, by: &str, reason: &str, now: Timestamp) -> Result<(Vec<Event>, String), Refused> {
    let (Some(plan), Some(run)) = (&incident.plan, &incident.run) else {
        return refuse(format!("{} has no workflow", incident.id));
    };
    if run.ended.is_some() {
        return refuse(format!("the workflow of {} has ended", plan.id));
    }
    let id = plan.id.clone();
    let (by, reason) = (by.to_owned(), reason.to_owned());
    let (event, outcome) = match command {
        Command::Pause if run.paused.is_some() => return Ok((Vec::new(), "it is paused already".into())),
        Command::Pause => (
            Event::WorkflowPaused { plan: id, by, reason },
            "what runs is finished, nothing further starts; undoing goes on if it has begun".to_owned(),
        ),
        Command::Resume if run.paused.is_none() => return Ok((Vec::new(), "it is not paused".into())),
        Command::Resume => (Event::WorkflowResumed { plan: id, by }, "steps start again".into()),
        Command::Cancel if run.cancelled.is_some() => return Ok((Vec::new(), "it is cancelled already".into())),
        Command::Cancel => (
            Event::WorkflowCancelled { plan: id, by, reason },
            match plan.rollback {
                // Whoever cancels has been told so, and is not asked again.
                Rollback::Automatic | Rollback::Ask => "what runs is finished, then what was changed is undone".into(),
                Rollback::None => "what runs is finished; what was changed stays, since the plan undoes nothing".into(),
            },
        ),
        Command::Skip(step) => {
            let Some(state) = run.steps.get(step) else {
                return refuse(format!("{id} has no step {step}"));
            };
            match &state.state {
                StepState::Skipped => return Ok((Vec::new(), format!("{step} is skipped already"))),
                StepState::Waiting | StepState::Failed { .. } if state.effect == Effect::None => {}
                StepState::Failed { .. } => {
                    return refuse(format!("{step} may have changed something: it is undone, not skipped"));
                }
                state @ (StepState::Waiting
                | StepState::Running { .. }
                | StepState::Succeeded
                | StepState::Undoing { .. }
                | StepState::Undone
                | StepState::UndoFailed { .. }) => {
                    return refuse(format!("{step} can no longer be skipped: {}", word(state)));
                }
            }
            (
                Event::StepSkipped {
                    plan: id,
                    step: step.clone(),
                    by,
                    reason,
                },
                format!("{step} is not run; what depends on it goes on as if it had succeeded"),
            )
        }
        Command::Rollback { undo } => match &run.rollback {
            RollbackState::Asked { expires_at } if now < *expires_at => (
                Event::RollbackDecided {
                    plan: id,
                    undo: *undo,
                    by,
                    reason,
                },
                if *undo {
                    "what was changed is undone, the last change first".into()
                } else {
                    "what was changed stays".into()
                },
            ),
            RollbackState::Asked { .. } => return refuse("the question has expired: the changes stay"),
            RollbackState::Decided { word, .. } => return refuse(format!("{} has decided it already", word.by)),
            RollbackState::Open => return refuse("nobody asked: the workflow has not failed, or its plan does not ask"),
        },
    };
    Ok((vec![event], outcome))
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(reason.into()))
}

fn word(state: &StepState) -> &'static str {
    match state {
        StepState::Waiting => "it waits",
        StepState::Running { .. } => "it runs",
        StepState::Succeeded => "it has succeeded",
        StepState::Failed { .. } => "it has failed",
        StepState::Skipped => "it is skipped",
        StepState::Undoing { .. } => "it is being undone",
        StepState::Undone => "it was undone",
        StepState::UndoFailed { .. } => "its undo failed",
    }
}
