//! `notify_only`: a report for people, kept with what it refers to. Delivering it is the notifier's work.

use std::fmt::Write as _;

use paramedic_domain::change::Notice;

use super::{
    failure::Halt,
    run::{Report, Run},
};
use paramedic_catalogue::redact::redact;

impl Run<'_> {
    pub(crate) async fn report(&self, notice: &Notice) -> Result<Report, Halt> {
        let text = redact(&self.text(notice));
        let artifact = self.keep("report.md", text).await?;
        Ok(Report {
            summary: format!(
                "wrote the report {:?} with {} attachments",
                notice.title,
                self.attached(notice).count()
            ),
            artifacts: vec![artifact],
        })
    }

    /// The report as people read it.
    pub(crate) fn text(&self, notice: &Notice) -> String {
        let incident = self.incident;
        let mut text = format!("# {}\n\nIncident {}: {}\n", notice.title, incident.id, incident.title);
        let mut line = |words: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            text.write_fmt(words).ok();
        };
        if !notice.body.is_empty() {
            line(format_args!("\n{}\n", notice.body));
        }
        if let Some(diagnosis) = &incident.diagnosis {
            line(format_args!(
                "\n## Diagnosis\n{} ({:?} of {}, confidence {:.0} %)\n",
                diagnosis.summary,
                diagnosis.category,
                diagnosis.target,
                diagnosis.confidence * 100.0
            ));
            for evidence in &diagnosis.evidence {
                line(format_args!(
                    "- {:?} at {}: {} (`{}`)\n",
                    evidence.source, evidence.observed_at, evidence.excerpt, evidence.query
                ));
            }
        }
        if let (Some(plan), Some(run)) = (&incident.plan, &incident.run) {
            line(format_args!("\n## What was done\n"));
            for step in plan.steps.iter().filter(|step| run.satisfied(&step.id)) {
                let summary = run.steps.get(&step.id).map_or("", |state| &state.summary);
                line(format_args!("- {} {}: {summary}\n", step.id, step.action));
            }
        }
        let attached: Vec<_> = self.attached(notice).collect();
        if !attached.is_empty() {
            line(format_args!("\n## Attachments\n"));
            for artifact in attached {
                line(format_args!(
                    "- {} ({} bytes, {})\n",
                    artifact.name, artifact.bytes, artifact.digest
                ));
            }
        }
        text
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
