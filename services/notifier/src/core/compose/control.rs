//! What people said about a running workflow, and what they are asked about a failed one.

use jiff::Timestamp;
use paramedic_domain::{id::StepId, incident::Incident};

use super::{
    super::{
        message::{Tone, facts, paragraph},
        words,
    },
    Draft,
};

pub(super) fn revised(by: &str, reason: &str) -> Draft {
    Draft::new(Tone::Info, format!("{by} asked for another plan")).with(paragraph(reason))
}

pub(super) fn paused(by: &str, reason: &str) -> Draft {
    Draft::new(Tone::Info, format!("Paused by {by}: what runs is finished, nothing further starts")).with(paragraph(reason))
}

pub(super) fn resumed(by: &str) -> Draft {
    Draft::new(Tone::Info, format!("Goes on: {by} resumed it"))
}

pub(super) fn cancelled(by: &str, reason: &str) -> Draft {
    Draft::new(Tone::Info, format!("Stopped by {by}: what was changed is put back")).with(paragraph(reason))
}

pub(super) fn expiry_failed(step: &StepId, message: &str) -> Draft {
    Draft::new(
        Tone::Action,
        format!("The change of {step} should be gone by now and is not: a person must put it back"),
    )
    .with(paragraph(message))
}

/// The question that a plan with rollback `ask` leads to.
pub(super) fn rollback_asked(incident: &Incident, reason: &str, expires_at: Timestamp) -> Draft {
    let left: Vec<String> = incident.run.iter().flat_map(|run| &run.effects).map(ToString::to_string).collect();
    Draft::new(Tone::Action, "The plan failed: shall its changes be undone?").with(facts([
        ("Failed", reason.to_owned()),
        ("Changed by", left.join(", ")),
        ("Undo", format!("paramedic workflow rollback {} --undo", incident.id)),
        ("Keep", format!("paramedic workflow rollback {} --keep", incident.id)),
        ("Without an answer", format!("the changes stay, at {}", words::time(expires_at))),
    ]))
}

pub(super) fn rollback_decided(undo: bool, by: &str, reason: &str) -> Draft {
    let what = if undo {
        "what was changed is undone"
    } else {
        "what was changed stays"
    };
    Draft::new(Tone::Info, format!("{by} decided: {what}")).with(paragraph(reason))
}
