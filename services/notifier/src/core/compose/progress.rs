//! A workflow ended; a step told people something.

use paramedic_domain::{
    change::Change,
    event::{Artifact, FailureCause, WorkflowOutcome},
    id::StepId,
    incident::Incident,
    workflow::{StepRun, StepState},
};

use super::Draft;
use crate::core::{
    message::{Block, Tone, facts, paragraph},
    words,
};

pub(super) fn finished(incident: &Incident, outcome: WorkflowOutcome, cause: Option<&FailureCause>) -> Option<Draft> {
    let (plan, run) = (incident.plan.as_ref()?, incident.run.as_ref()?);
    let (tone, title) = match outcome {
        WorkflowOutcome::Succeeded if super::changes_anything(incident) => {
            (Tone::Good, "Plan carried out; now it is measured whether it helped")
        }
        WorkflowOutcome::Succeeded => (Tone::Good, "Plan carried out"),
        WorkflowOutcome::RolledBack if !cause.is_some_and(was_failure) => (Tone::Info, "Plan not carried out"),
        WorkflowOutcome::RolledBack => (Tone::Bad, "Plan failed; nothing of it is left"),
        WorkflowOutcome::Failed => (Tone::Action, "Plan failed; its changes stay"),
        WorkflowOutcome::Stuck => (Tone::Action, "Plan failed and could not be undone: a person must act"),
        WorkflowOutcome::Cancelled => (Tone::Info, "Plan stopped by a person"),
    };
    let rows = plan.steps.iter().filter_map(|step| {
        let state = run.steps.get(&step.id)?;
        Some(vec![
            format!("{} {}", step.id, step.action),
            words::step_state(&state.state).to_owned(),
            took(state),
            words::cut(said(state), 300),
        ])
    });
    let left = run.effects.iter().map(|step| {
        let effect = run.steps.get(step).map_or("unknown", |run| words::effect(run.effect));
        format!("{step} ({effect})")
    });
    let left = match outcome {
        WorkflowOutcome::Stuck | WorkflowOutcome::Failed => left.collect::<Vec<_>>().join(", "),
        WorkflowOutcome::Succeeded | WorkflowOutcome::RolledBack | WorkflowOutcome::Cancelled => String::new(),
    };
    Some(
        Draft::new(tone, title)
            .with(facts([
                ("Outcome", result(outcome, cause).to_owned()),
                ("Cause", cause.map(words::cause).unwrap_or_default()),
                ("Still in the cluster", left),
            ]))
            .with(Block::Table {
                title: plan.summary.clone(),
                header: ["Step", "State", "Took", "Says"].map(str::to_owned).into(),
                rows: rows.collect(),
            }),
    )
}

/// A plan that was denied has not failed.
fn result(outcome: WorkflowOutcome, cause: Option<&FailureCause>) -> &'static str {
    match outcome {
        WorkflowOutcome::RolledBack if !cause.is_some_and(was_failure) => "nothing of it is in the cluster",
        WorkflowOutcome::Succeeded
        | WorkflowOutcome::RolledBack
        | WorkflowOutcome::Failed
        | WorkflowOutcome::Stuck
        | WorkflowOutcome::Cancelled => words::outcome(outcome),
    }
}

fn was_failure(cause: &FailureCause) -> bool {
    match cause {
        FailureCause::StepFailed { .. } | FailureCause::Deadline => true,
        FailureCause::Denied { .. } | FailureCause::Expired { .. } | FailureCause::Cancelled | FailureCause::Superseded => false,
    }
}

fn took(run: &StepRun) -> String {
    run.started
        .zip(run.finished)
        .map(|(from, to)| words::duration(words::between(from, to)))
        .unwrap_or_default()
}

fn said(run: &StepRun) -> &str {
    match &run.state {
        StepState::Failed { message, .. } | StepState::UndoFailed { message, .. } => message,
        StepState::Waiting
        | StepState::Running { .. }
        | StepState::Succeeded
        | StepState::Skipped
        | StepState::Undoing { .. }
        | StepState::Undone => &run.summary,
    }
}

/// The message that a `notify_only` step is about, with the files of the steps it names.
pub(super) fn notice(incident: &Incident, step: &StepId, summary: &str, own: &[Artifact]) -> Option<(Draft, Vec<Artifact>)> {
    let step = incident.plan.as_ref()?.step(step)?;
    let Change::Notify(notice) = &step.change else { return None };
    let run = incident.run.as_ref()?;
    let of_others = notice
        .attachments
        .iter()
        .filter_map(|id| run.steps.get(id))
        .flat_map(|run| run.artifacts.iter());
    let files: Vec<Artifact> = own.iter().chain(of_others).cloned().collect();
    let rows: Vec<Vec<String>> = files
        .iter()
        .map(|file| {
            vec![
                file.name.clone(),
                words::quantity(file.bytes as f64, "bytes"),
                file.digest.to_string(),
            ]
        })
        .collect();
    let draft = Draft::new(Tone::Action, notice.title.clone())
        .with(paragraph(&notice.body))
        .with((!summary.is_empty()).then(|| paragraph(summary)))
        .with((!rows.is_empty()).then(|| Block::Table {
            title: "Files".into(),
            header: ["Name", "Size", "Digest"].map(str::to_owned).into(),
            rows,
        }))
        .with(facts([
            ("Asked for by", format!("step {} of {}", step.id, incident.id)),
            ("Why", step.rationale.clone()),
        ]));
    Some((draft, files))
}
