//! `notify_only`: something for people, with what was collected.

use paramedic_domain::{
    change::{Call, Notice},
    id::StepId,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    BuiltIn, parse, schema_of,
    ticket::{Report, ticket},
};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Work},
    redact::redact,
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "notify_only",
    aliases: &["notify", "create_ticket", "file_bug"],
    about: About {
        description: "writes a report for people with the artifacts of earlier steps, and files it as a ticket where a tracker is configured",
        risk: "none: tells people",
        undo: "nothing to undo: people were told, a ticket stays",
        dry_run: "nothing to try: trackers have no dry run",
        external: false,
    },
    kind: Kind::Notify,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<NotifyOnly>,
    needs,
    draft,
};

/// The type of a report that is no ticket.
const MESSAGE: &str = "message";

/// What to say, and where it should go.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NotifyOnly {
    /// `message` (the default), or where a ticket is filed: `jira`, `github`, `gitlab`, `gitea`, `webhook`, or the name of a configured
    /// tracker. Without such a tracker the report is kept as a message.
    #[serde(rename = "type", alias = "tracker")]
    kind: Option<String>,
    /// Project or repository it belongs to.
    project: Option<String>,
    /// Priority in that project.
    priority: Option<String>,
    /// Headline.
    #[serde(alias = "summary")]
    title: Option<String>,
    /// Text.
    #[serde(alias = "description", alias = "body")]
    message: Option<String>,
    /// Namespace it is about.
    namespace: Option<String>,
    /// Deployment it is about.
    deployment: Option<String>,
    /// Labels of the ticket, besides the tracker's own.
    #[serde(default)]
    labels: Vec<String>,
    /// Steps whose artifacts go with it: a step's id, or a name that ends in one (`heap_dump_rec-001`).
    #[serde(default)]
    attachments: Vec<String>,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    parse::<NotifyOnly>(params)?;
    Ok(Vec::new())
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: NotifyOnly = parse(params)?;
    let about = match (&params.namespace, &params.deployment) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) | (Some(name), None) => name.clone(),
        (None, None) => String::new(),
    };
    let kind = params.kind.as_deref().unwrap_or(MESSAGE);
    let place = [(kind != MESSAGE).then_some(kind), params.project.as_deref()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let title = params.title.unwrap_or_else(|| match (place.is_empty(), about.is_empty()) {
        (_, false) => format!("follow up on {about}"),
        (false, true) => format!("follow up in {place}"),
        (true, true) => "follow up on this incident".to_owned(),
    });
    let priority = params.priority.unwrap_or_default();
    let mut lines: Vec<String> = params.message.into_iter().collect();
    let facts = [("for", place), ("priority", priority.clone()), ("about", about)];
    lines.extend(
        facts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}: {value}")),
    );
    let report = Report {
        title: redact(&title),
        body: redact(&lines.join("\n")),
        project: params.project.unwrap_or_default(),
        labels: params.labels,
        priority,
        attachments: params
            .attachments
            .iter()
            .map(|name| step_of(name, &moment.steps))
            .collect::<Result<_, _>>()?,
    };
    if kind == MESSAGE {
        return Ok(Work::Notify(report.into_notice()).into());
    }
    match ticket(kind, &world.systems, &report)? {
        Some(ticket) => Ok(Work::Call(Call::Ticket(ticket)).into()),
        None => Ok(Draft::from(Work::Notify(report.into_notice())).note(format!(
            "no tracker {kind:?} is configured ([[executor.trackers]]): the report {title:?} is kept as a message instead of a ticket"
        ))),
    }
}

impl Report {
    fn into_notice(self) -> Notice {
        Notice {
            title: self.title,
            body: self.body,
            attachments: self.attachments,
        }
    }
}

/// The step that an attachment's name is or ends with: `heap_dump_rec-001` is an artifact of `rec-001`. Ids may hold what parts
/// names, so the longest one that fits is meant.
fn step_of(name: &str, steps: &[StepId]) -> Result<StepId, Refused> {
    let ends = |step: &&StepId| {
        name.strip_suffix(step.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-', '.', '/', ':']))
    };
    let found = steps.iter().filter(ends).max_by_key(|step| step.as_str().len());
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = steps.iter().map(StepId::as_str).collect();
        Refused::parameter(
            "/attachments",
            format!("{name:?} is of no step of the plan; name one of {}", known.join(", ")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_is_of_the_longest_step_that_its_name_ends_with_and_of_some_step() {
        let steps: Vec<StepId> = ["dump", "heap_dump", "rec-001"].iter().map(|id| id.parse().unwrap()).collect();
        let of = |name: &str| step_of(name, &steps).map(|step| step.to_string());
        assert_eq!(of("heap_dump").as_deref(), Ok("heap_dump"));
        assert_eq!(of("old_heap_dump").as_deref(), Ok("heap_dump"));
        assert_eq!(of("heap_dump_rec-001").as_deref(), Ok("rec-001"));
        assert!(of("heap_dump_rec-009").unwrap_err().reason.contains("heap_dump_rec-009"));
        assert!(of("xrec-001").is_err());
    }
}
