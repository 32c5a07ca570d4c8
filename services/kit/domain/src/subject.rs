//! The only place where a subject is spelled.

use std::fmt;

use crate::id::{ClusterId, IncidentId};

/// A bus subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One event of one incident.
    Incident {
        /// Cluster.
        cluster: ClusterId,
        /// Incident.
        incident: IncidentId,
        /// [`crate::event::Event::kind`].
        kind: &'static str,
    },
    /// What a sender said about a group of alerts: one subject per cluster, so that all of it has one order.
    Notification {
        /// Cluster.
        cluster: ClusterId,
    },
    /// That a cluster was looked at: in the same order as what is said about alerts.
    Topology {
        /// Cluster.
        cluster: ClusterId,
    },
    /// What happened to maintenance windows.
    Window {
        /// Cluster.
        cluster: ClusterId,
    },
    /// What an Alertmanager keeps quiet.
    Quiet {
        /// Cluster.
        cluster: ClusterId,
    },
    /// What the correlator of a cluster is told besides alerts, in the same order.
    Told {
        /// Cluster.
        cluster: ClusterId,
    },
    /// A message given up by a consumer.
    DeadLetter {
        /// The consumer.
        durable: String,
    },
    /// Such a message, to be handled once more.
    Retry {
        /// The consumer.
        durable: String,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incident { cluster, incident, kind } => write!(f, "paramedic.incident.{cluster}.{incident}.{kind}"),
            Self::Notification { cluster } => write!(f, "paramedic.alert.{cluster}.notification"),
            Self::Topology { cluster } => write!(f, "paramedic.alert.{cluster}.topology"),
            Self::Window { cluster } => write!(f, "paramedic.alert.{cluster}.window"),
            Self::Quiet { cluster } => write!(f, "paramedic.alert.{cluster}.quiet"),
            Self::Told { cluster } => write!(f, "paramedic.alert.{cluster}.told"),
            Self::DeadLetter { durable } => write!(f, "paramedic.deadletter.{durable}"),
            Self::Retry { durable } => write!(f, "paramedic.deadletter.{durable}.retry"),
        }
    }
}

/// Filter for every dead letter and every retry of one.
pub const DEAD_LETTERS: &str = "paramedic.deadletter.>";

/// The consumer of a dead letter; `None` for a retry.
#[must_use]
pub fn parse_dead_letter(subject: &str) -> Option<&str> {
    subject
        .strip_prefix("paramedic.deadletter.")
        .filter(|durable| !durable.contains('.'))
}

/// Filter for everything that the correlator of a cluster reads.
#[must_use]
pub fn alerts_filter(cluster: &ClusterId) -> String {
    format!("paramedic.alert.{cluster}.>")
}

/// Filter for every event of one incident.
#[must_use]
pub fn incident_filter(cluster: &ClusterId, incident: &IncidentId) -> String {
    format!("paramedic.incident.{cluster}.{incident}.>")
}

/// Filter for one kind of event of every incident.
#[must_use]
pub fn kind_filter(kind: &str) -> String {
    format!("paramedic.incident.*.*.{kind}")
}

/// Filter for one kind of event of every incident of one cluster.
#[must_use]
pub fn cluster_kind_filter(cluster: &ClusterId, kind: &str) -> String {
    format!("paramedic.incident.{cluster}.*.{kind}")
}

/// Cluster, incident and event kind of an incident subject.
#[must_use]
pub fn parse_incident(subject: &str) -> Option<(ClusterId, IncidentId, &str)> {
    let mut parts = subject.strip_prefix("paramedic.incident.")?.split('.');
    let parsed = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    parts.next().is_none().then_some(parsed)
}

/// What a subject under [`alerts_filter`] is about: its last word.
#[must_use]
pub fn alerts_kind(subject: &str) -> Option<&str> {
    let (cluster, kind) = subject.strip_prefix("paramedic.alert.")?.split_once('.')?;
    (!cluster.is_empty() && !kind.contains('.')).then_some(kind)
}

/// Cluster of a notification's subject.
#[must_use]
pub fn parse_notification(subject: &str) -> Option<ClusterId> {
    of_alerts(subject, ".notification")
}

/// Cluster of a topology's subject.
#[must_use]
pub fn parse_topology(subject: &str) -> Option<ClusterId> {
    of_alerts(subject, ".topology")
}

/// Cluster of the subject of maintenance windows.
#[must_use]
pub fn parse_window(subject: &str) -> Option<ClusterId> {
    of_alerts(subject, ".window")
}

/// Cluster of the subject of what an Alertmanager keeps quiet.
#[must_use]
pub fn parse_quiet(subject: &str) -> Option<ClusterId> {
    of_alerts(subject, ".quiet")
}

fn of_alerts(subject: &str, kind: &str) -> Option<ClusterId> {
    subject.strip_prefix("paramedic.alert.")?.strip_suffix(kind)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_of_the_alerts_stream_are_told_apart() {
        let cluster: ClusterId = "prod-eu".parse().unwrap();
        let topology = Subject::Topology { cluster: cluster.clone() }.to_string();
        let notification = Subject::Notification { cluster: cluster.clone() }.to_string();
        assert_eq!(parse_topology(&topology), Some(cluster.clone()));
        assert_eq!(parse_notification(&notification), Some(cluster));
        assert_eq!(parse_topology(&notification), None);
        assert_eq!(parse_notification(&topology), None);
        assert_eq!(parse_topology("paramedic.alert.a.b.topology"), None);
        let cluster: ClusterId = "prod-eu".parse().unwrap();
        let window = Subject::Window { cluster: cluster.clone() }.to_string();
        let quiet = Subject::Quiet { cluster: cluster.clone() }.to_string();
        assert_eq!((parse_window(&window), parse_window(&quiet)), (Some(cluster.clone()), None));
        assert_eq!((parse_quiet(&quiet), parse_quiet(&window)), (Some(cluster), None));
    }
}
