//! Which incident an alert belongs to, and the event that puts it there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    event::Event,
    id::{ClusterId, IncidentId},
    incident::{Incident, Status},
};

use super::title::title;

/// Where an alert goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Into the incident that was looked at.
    Here,
    /// Into a new incident; the one that was looked at (if any) is over.
    New,
    /// Nowhere.
    Nowhere(Reason),
}

/// Why an alert changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The incident knows it already.
    Repeated,
    /// It is the same firing whose incident has ended.
    Ended,
    /// It ended, and no incident knows that it fired.
    NeverFired,
    /// A later message about it was seen already.
    Outdated,
}

impl Reason {
    /// The word for metrics and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::Ended => "incident_ended",
            Self::NeverFired => "never_fired",
            Self::Outdated => "outdated",
        }
    }
}

/// Routes an alert, given the incident that it, or else its group, was last put into.
#[must_use]
pub fn route(alert: &Alert, current: Option<&Incident>, now: Timestamp, refire_after: Duration) -> Route {
    match alert.status {
        AlertStatus::Firing => route_firing(alert, current, now, refire_after),
        AlertStatus::Resolved => route_resolved(alert, current),
    }
}

fn route_firing(alert: &Alert, current: Option<&Incident>, now: Timestamp, refire_after: Duration) -> Route {
    let Some(incident) = current else { return Route::New };
    let known = incident.alerts.get(&alert.fingerprint);
    if known.is_some_and(|known| known.starts_at > alert.starts_at) {
        return Route::Nowhere(Reason::Outdated);
    }
    let known = known.filter(|known| known.starts_at == alert.starts_at);
    match (&incident.end, known) {
        (None, None) => Route::Here,
        (None, Some(known)) if known.status == AlertStatus::Firing => Route::Nowhere(Reason::Repeated),
        // It ended and is reported as firing with the same start: a late message, or a repeated one.
        (None, Some(_)) => Route::Nowhere(Reason::Outdated),
        (Some(_), None) => Route::New,
        (Some(_), Some(known)) if known.status == AlertStatus::Resolved => Route::Nowhere(Reason::Outdated),
        (Some(end), Some(_)) => {
            let grace = SignedDuration::try_from(refire_after).unwrap_or(SignedDuration::MAX);
            if end.status == Status::Resolved && now.duration_since(end.at) > grace {
                Route::New
            } else {
                Route::Nowhere(Reason::Ended)
            }
        }
    }
}

fn route_resolved(alert: &Alert, current: Option<&Incident>) -> Route {
    match current.and_then(|incident| incident.alerts.get(&alert.fingerprint)) {
        None => Route::Nowhere(Reason::NeverFired),
        Some(known) if known.status == AlertStatus::Resolved => Route::Nowhere(Reason::Repeated),
        Some(known) if alert.starts_at < known.starts_at => Route::Nowhere(Reason::Outdated),
        Some(_) => Route::Here,
    }
}

/// The id of the incident that a firing alert opens: the same on every replica and after every crash. `previous` is the
/// group's last incident, which is over.
#[must_use]
pub fn new_incident(cluster: &ClusterId, alert: &Alert, previous: Option<&IncidentId>) -> IncidentId {
    let starts_at = alert.starts_at.to_string();
    let mut parts = vec![cluster.as_str(), &alert.group_key, &starts_at];
    parts.extend(previous.map(IncidentId::as_str));
    IncidentId::derive(&parts)
}

/// The events that are missing from `incident` for `alert` to be part of it: none when it already is, or when the incident
/// ended in the meantime.
#[must_use]
pub fn decide(incident: &Incident, alert: &Alert, traceparent: Option<&str>, now: Timestamp) -> Vec<Event> {
    let known = incident.alerts.get(&alert.fingerprint);
    match alert.status {
        AlertStatus::Firing if incident.opened_at.is_none() => vec![Event::IncidentOpened {
            title: title(alert),
            severity: alert.severity(),
            alerts: vec![alert.clone()],
            traceparent: traceparent.map(str::to_owned),
        }],
        AlertStatus::Firing if incident.end.is_some() || known.is_some_and(|known| known.starts_at >= alert.starts_at) => Vec::new(),
        AlertStatus::Firing => vec![Event::AlertsCorrelated {
            reason: if known.is_some() {
                "it fires again".into()
            } else {
                "it is of the same alert group".into()
            },
            alerts: vec![alert.clone()],
        }],
        AlertStatus::Resolved => match known {
            Some(known) if known.status == AlertStatus::Firing && known.starts_at <= alert.starts_at => vec![Event::AlertsResolved {
                fingerprints: vec![alert.fingerprint.clone()],
                at: alert.ends_at.filter(|end| *end >= known.starts_at).unwrap_or(now),
            }],
            _ => Vec::new(),
        },
    }
}

/// A resolution whose own firing nobody saw (a person ended the alert by hand, with times of their own) as the end of the
/// firing that `incident` knows.
#[must_use]
pub fn adopt(alert: &Alert, incident: &Incident) -> Alert {
    let known = incident.alerts.get(&alert.fingerprint);
    Alert {
        starts_at: known.map_or(alert.starts_at, |known| known.starts_at),
        ..alert.clone()
    }
}

/// Whether `incident` holds this firing of `alert`, whatever became of it since.
#[must_use]
pub fn holds(incident: &Incident, alert: &Alert) -> bool {
    incident
        .alerts
        .get(&alert.fingerprint)
        .is_some_and(|known| known.starts_at >= alert.starts_at)
}

#[cfg(test)]
mod tests;
