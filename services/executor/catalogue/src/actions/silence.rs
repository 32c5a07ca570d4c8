//! `silence_alerts`: the incident's own alerts are quiet while it is worked on.

use std::{collections::BTreeMap, time::Duration};

use paramedic_domain::{
    alert::{Alert, AlertStatus},
    change::{Call, Matchers, Silence},
    plan::Lasts,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BuiltIn, parse, refuse, schema_of, span::duration};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Work},
    redact::redact,
    world::{Need, World},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "silence_alerts",
    aliases: &["silence_alert", "mute_alerts", "silence_correlated_alerts"],
    about: About {
        description: "silences exactly the firing alerts of the incident in Alertmanager, by all of their labels, until the incident is verified",
        risk: "low: at most an hour, every label must be equal, never a pattern",
        undo: "the silences are ended; that also happens by itself when the verification has passed",
        dry_run: "Alertmanager has none: the matchers are shown",
        external: false,
    },
    kind: Kind::Outside,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<SilenceAlerts>,
    needs,
    draft,
};

/// Longest silence.
const LONGEST: Duration = Duration::from_secs(3600);
/// When nobody says how long.
const USUAL: &str = "15m";
/// Labels that say what kind of alert it is and from where, but not about what: alone they would silence other incidents.
const BROAD: &[&str] = &[
    "alertname",
    "severity",
    "priority",
    "cluster",
    "environment",
    "env",
    "region",
    "zone",
    "team",
    "tier",
    "monitor",
    "prometheus",
    "receiver",
    "replica",
    "source",
];

/// Which of the incident's alerts, and for how long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SilenceAlerts {
    /// Names of the incident's alerts (`alertname`); left out, or with `"..."` among them: all that are firing.
    #[serde(default)]
    alerts: Vec<String>,
    /// How long at most, up to `1h`: `30s`, `15m`. It ends before when the incident is verified.
    #[serde(default = "usual")]
    duration: String,
    /// Why, for who looks at Alertmanager.
    #[serde(alias = "comment")]
    reason: Option<String>,
    /// Namespace of the alerts; only those are silenced.
    namespace: Option<String>,
}

fn usual() -> String {
    USUAL.to_owned()
}

impl SilenceAlerts {
    fn check(&self) -> Result<Duration, Refused> {
        let lasts = duration("duration", &self.duration, LONGEST)?;
        let pattern = |name: &&String| name.contains(['*', '=', '~', '|', '{', '^', '$', '[', '(']);
        if let Some(name) = self.alerts.iter().find(pattern) {
            return refuse(format!(
                "parameters.alerts: {name:?} is a pattern or matcher; alerts are named, and silenced by all of their labels"
            ));
        }
        Ok(lasts)
    }

    /// The names that were written out; none when all are meant.
    fn names(&self) -> Vec<&str> {
        let rest = |name: &&String| matches!(name.trim(), "..." | "…");
        if self.alerts.iter().any(|name| rest(&name)) {
            return Vec::new();
        }
        self.alerts.iter().map(String::as_str).collect()
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    parse::<SilenceAlerts>(params)?.check()?;
    Ok(Vec::new())
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: SilenceAlerts = parse(params)?;
    let lasts = params.check()?;
    if !world.systems.alertmanager {
        return refuse("no Alertmanager is configured: set executor.alertmanager.url");
    }
    let Some(incident) = &world.incident else {
        return refuse("silence_alerts silences the alerts of an incident, and none was given with the request");
    };
    let names = params.names();
    if let Some(stranger) = names
        .iter()
        .find(|name| !incident.alerts.values().any(|alert| alert.name() == **name))
    {
        return refuse(format!(
            "parameters.alerts: {stranger:?} is not an alert of incident {}: only its own alerts are silenced",
            incident.id
        ));
    }
    let wanted = |alert: &&Alert| {
        (names.is_empty() || names.contains(&alert.name()))
            && params
                .namespace
                .as_ref()
                .is_none_or(|namespace| alert.label("namespace") == namespace)
    };
    let firing = incident
        .alerts
        .values()
        .filter(|alert| alert.status == AlertStatus::Firing)
        .filter(wanted);
    let (mut sets, mut broad) = (Vec::new(), Vec::new());
    for alert in firing {
        // Alertmanager does not know empty labels.
        let labels: BTreeMap<String, String> = alert.labels.clone().into_iter().filter(|(_, value)| !value.is_empty()).collect();
        if labels.keys().all(|name| BROAD.contains(&name.as_str())) {
            broad.push(alert.name());
        } else if !sets.iter().any(|known: &Matchers| known.labels == labels) {
            sets.push(Matchers { labels });
        }
    }
    if sets.is_empty() {
        return refuse(if broad.is_empty() {
            "none of these alerts is firing: there is nothing to silence".to_owned()
        } else {
            format!(
                "the labels of {} say nothing but a name or severity: silencing them would silence alerts of other incidents",
                broad.join(", ")
            )
        });
    }
    let reason = params.reason.as_deref().unwrap_or("being worked on");
    let draft = Draft::from(Work::Call(Call::Silence(Silence {
        matchers: sets,
        lasts,
        comment: redact(&format!("{reason} (incident {}: {})", incident.id, incident.title)),
    })));
    let draft = draft.lasting(Lasts::Verified);
    Ok(match broad.as_slice() {
        [] => draft,
        broad => draft.note(format!(
            "not silenced, because their labels would match alerts of other incidents: {}",
            broad.join(", ")
        )),
    })
}
