//! Reports that are filed in a tracker.

use paramedic_domain::{change::Ticket, id::StepId};

use super::refuse;
use crate::{
    action::Refused,
    systems::{Systems, TrackerKind},
};

/// What is reported, wherever it goes.
pub(super) struct Report {
    pub(super) title: String,
    pub(super) body: String,
    /// Project or `owner/name`; empty: the tracker's own.
    pub(super) project: String,
    pub(super) labels: Vec<String>,
    pub(super) priority: String,
    pub(super) attachments: Vec<StepId>,
}

/// The ticket in the tracker that `wanted` names, by its name or by what it speaks; `None` when none is configured.
pub(super) fn ticket(wanted: &str, systems: &Systems, report: &Report) -> Result<Option<Ticket>, Refused> {
    let named = systems.trackers.iter().find(|tracker| tracker.name == wanted);
    let mut speaking = systems.trackers.iter().filter(|tracker| tracker.kind.word() == wanted);
    let Some(tracker) = named.or_else(|| speaking.next()) else {
        return Ok(None);
    };
    if named.is_none()
        && let Some(other) = speaking.next()
    {
        return refuse(format!(
            "parameters.type: both {:?} and {:?} are {wanted} trackers: name one of them",
            tracker.name, other.name
        ));
    }
    let project = if report.project.is_empty() {
        &tracker.project
    } else {
        &report.project
    };
    check_project(tracker.kind, project)?;
    let mut labels = tracker.labels.clone();
    labels.extend(report.labels.iter().filter(|label| !tracker.labels.contains(label)).cloned());
    Ok(Some(Ticket {
        tracker: tracker.name.clone(),
        project: project.clone(),
        title: report.title.clone(),
        body: report.body.clone(),
        labels,
        priority: report.priority.clone(),
        attachments: report.attachments.clone(),
    }))
}

/// A project is part of an address or a query: only what the tracker's own names are made of may be in it.
fn check_project(kind: TrackerKind, project: &str) -> Result<(), Refused> {
    let word = |text: &str| {
        !text.is_empty() && !text.starts_with('.') && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let parts: Vec<&str> = project.split('/').collect();
    let (good, form) = match kind {
        TrackerKind::Jira => (parts.len() == 1 && word(project), "a project key like PAYMENT"),
        TrackerKind::Github | TrackerKind::Gitea => (
            parts.len() == 2 && parts.iter().all(|part| word(part)),
            "owner/name of a repository",
        ),
        TrackerKind::Gitlab => (
            parts.len() >= 2 && parts.iter().all(|part| word(part)),
            "the path group/name of a project",
        ),
        TrackerKind::Webhook => (true, ""),
    };
    if good {
        return Ok(());
    }
    refuse(format!(
        "parameters.project: {project:?} is not {form}, which {} needs",
        kind.word()
    ))
}
