//! `notify_only`: something for people, with what was collected.

use paramedic_domain::{change::Notice, id::StepId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BuiltIn, parse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Work},
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "notify_only",
    aliases: &["notify", "create_ticket", "file_bug"],
    about: About {
        description: "writes a report for people, with the artifacts of earlier steps",
        risk: "none: tells people",
        undo: "nothing to undo: people were told",
        dry_run: "nothing to try",
        external: false,
    },
    kind: Kind::Notify,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<NotifyOnly>,
    needs,
    draft,
};

/// What to say, and where it should go.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NotifyOnly {
    /// Kind of report: `jira`, `github`, `message`, ...
    #[serde(rename = "type")]
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
    /// Steps whose artifacts go with it: a step's id, or a name that ends in one (`heap_dump_rec-001`).
    #[serde(default)]
    attachments: Vec<String>,
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    parse::<NotifyOnly>(params)?;
    Ok(Vec::new())
}

fn draft(params: &Params, _world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: NotifyOnly = parse(params)?;
    let about = match (&params.namespace, &params.deployment) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) | (Some(name), None) => name.clone(),
        (None, None) => String::new(),
    };
    let place = [params.kind.as_deref(), params.project.as_deref()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let title = params.title.unwrap_or_else(|| match (place.is_empty(), about.is_empty()) {
        (_, false) => format!("follow up on {about}"),
        (false, true) => format!("follow up in {place}"),
        (true, true) => "follow up on this incident".to_owned(),
    });
    let mut lines: Vec<String> = params.message.into_iter().collect();
    let facts = [("for", Some(place)), ("priority", params.priority), ("about", Some(about))];
    lines.extend(
        facts
            .into_iter()
            .filter_map(|(name, value)| value.filter(|value| !value.is_empty()).map(|value| format!("{name}: {value}"))),
    );
    Ok(Work::Notify(Notice {
        title,
        body: lines.join("\n"),
        attachments: params.attachments.iter().filter_map(|name| step_of(name)).collect(),
    })
    .into())
}

/// The step that an attachment's name ends with: `heap_dump_rec-001` is an artifact of `rec-001`.
fn step_of(name: &str) -> Option<StepId> {
    name.rsplit('_').next()?.parse().ok()
}
