//! `correlate_alerts`: which alerts are one incident, and why each of them is.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{BuiltIn, parse, refuse, schema_of, span::duration};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Reader, Refused, Work},
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "correlate_alerts",
    aliases: &["correlate", "group_alerts"],
    about: About {
        description: "keeps the list of the incident's alerts as an artifact, each with the reason why it belongs to it",
        risk: "none: only reads the incident's log",
        undo: "nothing to undo: only reads",
        dry_run: "nothing to try: only reads",
        external: false,
    },
    kind: Kind::Read(Reader::Correlate),
    timeout_seconds: 60,
    typical_seconds: 1,
    schema: schema_of::<Correlation>,
    needs,
    draft,
};

/// Longest distance between alerts of one incident.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Which alerts are expected to belong together.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correlation {
    /// Names of alerts that are expected in the incident; those that are not are named. `"..."` stands for more of them.
    #[serde(default)]
    alerts: Vec<String>,
    /// How far apart they may begin (`5m`); only those that do are counted as close to the first.
    #[serde(rename = "correlationWindow", alias = "correlation_window", alias = "window")]
    window: Option<String>,
}

impl Correlation {
    /// Reads the parameters of a step.
    ///
    /// # Errors
    /// When they are not this action's.
    pub fn from_params(params: &Params) -> Result<Self, Refused> {
        let correlation: Self = parse(params)?;
        correlation.window()?;
        Ok(correlation)
    }

    /// The expected names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.alerts
            .iter()
            .map(|name| name.trim())
            .filter(|name| !matches!(*name, "..." | "…"))
    }

    /// How far apart their beginnings may be.
    ///
    /// # Errors
    /// When it is no duration.
    pub fn window(&self) -> Result<Option<std::time::Duration>, Refused> {
        self.window
            .as_deref()
            .map(|text| duration("correlationWindow", text, LONGEST))
            .transpose()
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    Correlation::from_params(params)?;
    Ok(Vec::new())
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    Correlation::from_params(params)?;
    let what = match &world.incident {
        Some(incident) if incident.alerts.is_empty() => return refuse(format!("incident {} has no alerts", incident.id)),
        Some(incident) => format!(
            "the {} alerts of incident {} and why each is in it",
            incident.alerts.len(),
            incident.id
        ),
        None => "the incident's alerts and why each is in it".to_owned(),
    };
    Ok(Work::Read { what, targets: Vec::new() }.into())
}
