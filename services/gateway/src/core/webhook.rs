//! Alertmanager's webhook, version 4: what is accepted, and what is wrong with the rest.
//!
//! Fields that are not used here (`status`, `commonLabels`, `commonAnnotations`, `externalURL`,
//! `notification_reason`, `routeLabels`, whatever comes next) are skipped without being kept.

use std::{collections::BTreeMap, fmt::Arguments};

use paramedic_domain::alert::{Alert, AlertStatus};
use serde::Deserialize;

use super::{
    body::{Chunks, Rejection},
    fields,
    lenient::{Array, Collected, Count, Element, Object, Text, Texts},
    problems::{Problems, quoted},
    reading::{Group, Missing, Reading},
};

/// Longest group key.
const MAX_GROUP_KEY_BYTES: usize = 16 << 10;
/// Most bytes that the group key takes in all alerts of a webhook.
const MAX_GROUP_KEYS_BYTES: usize = 64 << 20;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Webhook {
    version: Text,
    group_key: Text,
    truncated_alerts: Count,
    alerts: Collected<Object<RawAlert>>,
    receiver: Text,
    group_labels: Texts,
}

/// An alert as Alertmanager and those who imitate it write it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RawAlert {
    status: Text,
    labels: Texts,
    annotations: Texts,
    starts_at: Text,
    ends_at: Text,
    #[serde(rename = "generatorURL")]
    generator_url: Text,
    fingerprint: Text,
    // What Grafana adds.
    #[serde(rename = "dashboardURL")]
    dashboard_url: Text,
    #[serde(rename = "panelURL")]
    panel_url: Text,
    value_string: Text,
}

impl Element for Object<RawAlert> {
    type Read = Alert;
    fn read(self, path: Arguments<'_>, problems: &mut Problems) -> Option<Alert> {
        let alert = match self {
            Self::Is(alert) => alert,
            Self::Other(what) => {
                problems.add(format!("{path} is {what}, expected an object"));
                return None;
            }
        };
        // Every field is read before the first `?`, so that all problems are named at once.
        let status = fields::status(path, &alert.status, problems);
        let labels = fields::labels(path, alert.labels, problems);
        let more = [
            ("dashboard_url", alert.dashboard_url),
            ("panel_url", alert.panel_url),
            ("value_string", alert.value_string),
        ];
        let annotations = fields::annotations(path, alert.annotations.with(more), problems);
        let fingerprint = fields::fingerprint(path, alert.fingerprint, problems);
        let starts_at = fields::time(format_args!("{path}.startsAt"), &alert.starts_at, problems);
        let ends_at = fields::optional_time(format_args!("{path}.endsAt"), &alert.ends_at, problems);
        let status = status?;
        let alert = Alert {
            fingerprint: fingerprint?,
            status,
            labels: labels?,
            annotations: annotations?,
            starts_at: starts_at?,
            // A firing alert's endsAt is only Alertmanager's guess of when it would time out.
            ends_at: ends_at?.filter(|_| status == AlertStatus::Resolved),
            generator_url: fields::text(alert.generator_url),
            group_key: String::new(),
        };
        fields::bounded(path, alert, problems)
    }
}

/// Whose webhook it is.
pub(crate) struct Flavour {
    /// The sender, for sentences.
    pub(crate) sender: &'static str,
    /// The version it says it is.
    pub(crate) version: &'static str,
    /// What to do about a payload of another form.
    pub(crate) advice: &'static str,
}

/// Reads a body of Alertmanager.
///
/// # Errors
/// When not a single alert of it could be used whatever it held.
pub fn parse(body: Chunks) -> Result<Reading, Rejection> {
    let flavour = Flavour {
        sender: "Alertmanager",
        version: "4",
        advice: "use webhook_configs without a custom payload",
    };
    read(body, &flavour)
}

/// Reads a body of Alertmanager, or of one who imitates it.
pub(crate) fn read(body: Chunks, flavour: &Flavour) -> Result<Reading, Rejection> {
    let webhook = match body.read_json()? {
        Object::Is(webhook) => webhook,
        Object::Other(what) => {
            return Err(Rejection::Shape(format!(
                "the body is {what}, expected the JSON object of {}'s webhook",
                flavour.sender
            )));
        }
    };
    check_version(&webhook, flavour)?;
    match webhook.alerts.found {
        Array::Of(0) => return Err(Rejection::Shape("alerts is empty".into())),
        Array::Of(_) => {}
        Array::Other(what) => return Err(Rejection::Shape(format!("alerts is {what}, expected an array"))),
        Array::Missing => return Err(Rejection::Shape("alerts is missing".into())),
    }
    let key = group_key(webhook.group_key, webhook.alerts.read.len())?;
    let problems = webhook.alerts.problems.sentences("alerts");
    if !problems.is_empty() {
        return Ok(Reading::wrong(problems));
    }
    let mut alerts = webhook.alerts.read;
    for alert in &mut alerts {
        alert.group_key.clone_from(&key);
    }
    let missing = match webhook.truncated_alerts {
        Count(0) => None,
        Count(alerts) => Some(Missing {
            alerts,
            receiver: fields::text(webhook.receiver),
            labels: match webhook.group_labels {
                Texts::Is { texts, .. } => texts,
                Texts::Missing | Texts::Other(_) => BTreeMap::new(),
            },
        }),
    };
    Ok(Reading {
        groups: vec![Group {
            key,
            whole: missing.is_none(),
            missing,
            alerts,
        }],
        problems,
    })
}

/// The key of a group of so many alerts.
pub(crate) fn group_key(key: Text, alerts: usize) -> Result<String, Rejection> {
    let problem = match key {
        Text::Is(key) if key.is_empty() => "is missing".into(),
        Text::Is(key) if key.len() > MAX_GROUP_KEY_BYTES => {
            format!("has {} bytes, at most {MAX_GROUP_KEY_BYTES} are accepted", key.len())
        }
        Text::Is(key) if key.len().saturating_mul(alerts) > MAX_GROUP_KEYS_BYTES => {
            format!("has {} bytes, which is too long for a group of {alerts} alerts", key.len())
        }
        Text::Is(key) => return Ok(key),
        Text::Other(what) => format!("is {what}, expected a string"),
        Text::Missing => "is missing".into(),
    };
    Err(Rejection::Shape(format!("groupKey {problem}")))
}

fn check_version(webhook: &Webhook, flavour: &Flavour) -> Result<(), Rejection> {
    let Flavour { sender, version, advice } = flavour;
    let known = webhook.alerts.found != Array::Missing || webhook.group_key != Text::Missing || webhook.receiver != Text::Missing;
    match &webhook.version {
        Text::Is(found) if found == version => Ok(()),
        Text::Is(other) => Err(Rejection::Version(format!(
            "version is {}, only \"{version}\" is supported",
            quoted(other)
        ))),
        Text::Other(what) => Err(Rejection::Version(format!(
            "version is {what}, only the string \"{version}\" is supported"
        ))),
        Text::Missing if known => Err(Rejection::Version(format!("version is missing, expected \"{version}\""))),
        Text::Missing => Err(Rejection::Shape(format!(
            "this is not the payload of {sender}'s webhook: version, groupKey and alerts are missing; {advice}"
        ))),
    }
}

#[cfg(test)]
mod tests;
