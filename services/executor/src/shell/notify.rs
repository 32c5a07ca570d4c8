//! `notify_only`: a report for people, kept with what it refers to. Delivering it is the notifier's work.

use paramedic_catalogue::redact::redact;
use paramedic_domain::change::Notice;

use super::{
    failure::Halt,
    run::{Report, Run},
};
use crate::core::markup::Markup;

impl Run<'_> {
    pub(crate) async fn report(&self, notice: &Notice) -> Result<Report, Halt> {
        let text = self.text(notice, Markup::Markdown);
        let artifact = self.keep("report.md", text).await?;
        Ok(Report {
            summary: format!(
                "wrote the report {:?} with {} attachments",
                redact(&notice.title),
                self.attached(notice).count()
            ),
            artifacts: vec![artifact],
        })
    }

    /// The report as people read it. Every value in it came from elsewhere, and is quoted.
    pub(crate) fn text(&self, notice: &Notice, markup: Markup) -> String {
        let incident = self.incident;
        let field = |text: &str| markup.field(text);
        let mut text = vec![
            markup.heading(1, &redact(&notice.title)),
            format!("\nIncident {}: {}\n", incident.id, field(&incident.title)),
        ];
        if !notice.body.is_empty() {
            text.push(format!("\n{}\n", field(&notice.body)));
        }
        if let Some(diagnosis) = &incident.diagnosis {
            text.push(format!("\n{}", markup.heading(2, "Diagnosis")));
            text.push(format!(
                "{} ({:?} of {}, confidence {:.0} %)\n",
                field(&diagnosis.summary),
                diagnosis.category,
                field(&diagnosis.target.to_string()),
                diagnosis.confidence * 100.0
            ));
            text.extend(diagnosis.evidence.iter().map(|evidence| {
                format!(
                    "- {:?} at {}: {} (asked: {})\n",
                    evidence.source,
                    evidence.observed_at,
                    field(&evidence.excerpt),
                    field(&evidence.query)
                )
            }));
        }
        if let (Some(plan), Some(run)) = (&incident.plan, &incident.run) {
            text.push(format!("\n{}", markup.heading(2, "What was done")));
            text.extend(plan.steps.iter().filter(|step| run.satisfied(&step.id)).map(|step| {
                let summary = run.steps.get(&step.id).map_or("", |state| &state.summary);
                format!("- {} {}: {}\n", step.id, field(&step.action), field(summary))
            }));
        }
        let attached: Vec<_> = self.attached(notice).collect();
        if !attached.is_empty() {
            text.push(format!("\n{}", markup.heading(2, "Attachments")));
            text.extend(
                attached
                    .into_iter()
                    .map(|artifact| format!("- {} ({} bytes, {})\n", field(&artifact.name), artifact.bytes, artifact.digest)),
            );
        }
        text.concat()
    }

    /// What the steps that it refers to have kept.
    pub(crate) fn attached<'a>(&'a self, notice: &'a Notice) -> impl Iterator<Item = &'a paramedic_domain::event::Artifact> {
        let steps = self.incident.run.as_ref().map(|run| &run.steps);
        notice
            .attachments
            .iter()
            .filter_map(move |id| steps?.get(id))
            .flat_map(|state| &state.artifacts)
    }
}
