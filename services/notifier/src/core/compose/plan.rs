//! A plan that runs without asking, or none at all; and the parts of a plan that several messages show.

use paramedic_domain::{
    change::{Change, DryRun, FieldChange, ObjectPatch},
    drawing,
    plan::{Plan, Refusal, Rollback, Step},
};

use super::Draft;
use crate::core::{
    mask,
    message::{Block, Tone, facts, list, paragraph},
    words,
};

pub(super) fn proposed(plan: &Plan) -> Draft {
    let text = "Policy lets every step run without asking. The steps start now.";
    Draft::new(Tone::Info, format!("Plan: {}", plan.summary))
        .with(paragraph(text))
        .with(picture(plan))
        .with_all(plan.steps.iter().flat_map(|step| exact_change(plan, step)))
        .with(bounds(plan))
        .with(list("Notes", plan.notes.clone()))
}

pub(super) fn refused(refusals: &[Refusal]) -> Draft {
    let sentence = |refusal: &Refusal| match &refusal.step {
        Some(step) => format!("{step}: {}", refusal.reason),
        None => refusal.reason.clone(),
    };
    Draft::new(Tone::Action, "No plan: nothing will be changed").with(list("Why", refusals.iter().map(sentence).collect()))
}

/// The dependency graph.
pub(super) fn picture(plan: &Plan) -> Block {
    Block::Graph {
        title: format!("Plan: {}", words::count(plan.steps.len(), "step")),
        graph: drawing::of(plan),
    }
}

/// How long it can take and what happens after a failure.
pub(super) fn bounds(plan: &Plan) -> Block {
    let path: Vec<&str> = plan.critical_path.iter().map(paramedic_domain::id::StepId::as_str).collect();
    let rollback = match plan.rollback {
        Rollback::Automatic => "what was changed is put back, last change first",
        Rollback::Ask => "people are asked whether what was changed is put back",
        Rollback::None => "changes stay as they are and a person is told",
    };
    facts([
        (
            "Takes at most",
            format!(
                "{} without waiting for people ({})",
                words::duration(plan.longest),
                path.join(" → ")
            ),
        ),
        ("After a failure", rollback.to_owned()),
        (
            "Success means",
            plan.criteria
                .iter()
                .map(|one| one.description.as_str())
                .collect::<Vec<_>>()
                .join("; "),
        ),
    ])
}

/// What a step does, exactly: heading, old and new values, risk, dry run, undo.
pub(super) fn exact_change(plan: &Plan, step: &Step) -> Vec<Block> {
    let mut blocks = vec![Block::Heading {
        text: format!("{} {}: {}", step.id, step.action, step.description),
    }];
    let mut rows: Vec<(&'static str, String)> = Vec::new();
    match &step.change {
        Change::Patch(patch) => {
            blocks.push(diff(&patch.diff));
            rows.push(("Object", object(&patch.target)));
            rows.push(("Dry run", dry_run(&patch.dry_run)));
            rows.push(("Undo", undo(plan, patch)));
        }
        Change::Delete(deletion) => {
            let owner = deletion
                .owner
                .as_ref()
                .map_or("nothing would bring it back".to_owned(), |owner| format!("{owner} replaces it"));
            rows.push(("Deletes", object(&deletion.target)));
            rows.push(("Afterwards", owner));
            rows.push(("Dry run", dry_run(&deletion.dry_run)));
            rows.push(("Undo", "a deletion cannot be undone".into()));
        }
        Change::Sequence { .. } | Change::Call(_) => {
            let told = step.change.explain();
            if !told.diff.is_empty() {
                blocks.push(diff(&told.diff));
            }
            rows.push(("Does", told.effects.join("; ")));
            rows.push(("Dry run", told.dry_run.join("; ")));
            rows.push(("Undo", told.undo.join("; ")));
        }
        Change::Exec(exec) => rows.push(("Runs", format!("{} in {}", exec.argv.join(" "), exec.target))),
        Change::Read { what, .. } => rows.push(("Reads", what.clone())),
        Change::Notify(notice) => rows.push(("Tells people", notice.title.clone())),
        Change::Carried { by, expect, .. } => rows.push((
            "Change",
            format!("part of the change of {by}; this step {}", words::confirm(*expect)),
        )),
    }
    rows.push((
        "Risk",
        format!("{}: {}", words::risk(step.risk.level), step.risk.reasons.join("; ")),
    ));
    rows.push(("Why", step.rationale.clone()));
    blocks.push(facts(rows));
    blocks
}

fn diff(diff: &[FieldChange]) -> Block {
    let shown = |field: &FieldChange, value: &Option<String>, absent: &str| {
        value
            .as_ref()
            .map_or_else(|| absent.to_owned(), |value| mask::value(&field.path, value))
    };
    Block::Table {
        title: "Exactly this changes".into(),
        header: ["Field", "Old", "New"].map(str::to_owned).into(),
        rows: diff
            .iter()
            .map(|field| {
                vec![
                    field.path.clone(),
                    shown(field, &field.from, "(not set)"),
                    shown(field, &field.to, "(removed)"),
                ]
            })
            .collect(),
    }
}

fn object(object: &paramedic_domain::object::ObjectRef) -> String {
    match &object.uid {
        Some(uid) => format!("{object} ({}, UID {uid})", object.api_version),
        None => format!("{object} ({})", object.api_version),
    }
}

fn dry_run(result: &DryRun) -> String {
    match result {
        DryRun::Accepted { warnings } if warnings.is_empty() => "accepted by the API server, without warnings".into(),
        DryRun::Accepted { warnings } => format!("accepted by the API server with warnings: {}", warnings.join("; ")),
        DryRun::Rejected { message } => format!("REFUSED by the API server: {message}"),
        DryRun::Unavailable { reason } => format!("not tried: {reason}"),
    }
}

fn undo(plan: &Plan, patch: &ObjectPatch) -> String {
    if patch.undo.0.is_empty() {
        return "there is no undo for this change".into();
    }
    let back: Vec<String> = patch
        .diff
        .iter()
        .map(|field| match &field.from {
            Some(old) => format!("{} back to {}", field.path, mask::value(&field.path, old)),
            None => format!("{} removed again", field.path),
        })
        .collect();
    let when = match plan.rollback {
        Rollback::Automatic => "if a later step fails, automatically, unless somebody changed the values since",
        Rollback::Ask => "if a later step fails and a person says so, unless somebody changed the values since",
        Rollback::None => "by hand: this plan does not undo by itself",
    };
    format!("{} ({when})", back.join("; "))
}
