//! Figures that steps of a plan kept.

use paramedic_bus::Blobs;
use paramedic_domain::{digest::Digest, incident::Incident};
use serde_json::Value;

use super::measure::Outcome;

/// The file that a step keeps its figures in: one JSON object, a number by each name.
const FIGURES: &str = "/figures.json";

/// What the steps of an incident's plan kept.
pub struct Reported<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// Where files are kept.
    pub artifacts: &'a dyn Blobs,
}

impl Reported<'_> {
    /// Where the figure of the last step with this action comes from, and the figure.
    pub(super) async fn figure(&self, action: &str, figure: &str) -> (String, Outcome) {
        let (plan, run) = (self.incident.plan.iter(), self.incident.run.as_ref());
        let mut steps = plan.flat_map(|plan| &plan.steps).rev();
        let kept = steps.find(|step| step.action == action).and_then(|step| run?.steps.get(&step.id));
        let artifact = kept.and_then(|kept| kept.artifacts.iter().find(|artifact| artifact.name.ends_with(FIGURES)));
        let Some(artifact) = artifact else {
            return (format!("{action}: {figure}"), Err(format!("no step {action} kept any figure")));
        };
        let found = async {
            let content = self.artifacts.get(&artifact.name).await.map_err(|error| error.to_string())?;
            let content = content.ok_or("it is no longer kept")?;
            if Digest::of(&content) != artifact.digest {
                return Err("it is not what the log says: its digest differs".into());
            }
            let figures: Value = serde_json::from_slice(&content).map_err(|error| error.to_string())?;
            let value = figures
                .get(figure)
                .and_then(Value::as_f64)
                .ok_or(format!("it holds no number {figure:?}"))?;
            Ok((value, format!("{figure} is {value}")))
        };
        (format!("{} {figure}", artifact.name), found.await)
    }
}
