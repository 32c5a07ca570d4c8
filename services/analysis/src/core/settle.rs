//! How long an incident waits for more alerts before it is investigated.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{alert::Severity, incident::Incident};

/// The window adapts: it ends as soon as no alert has come for a while, and early when somebody is woken anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settle {
    /// Longest wait, while alerts keep coming.
    pub most: Duration,
    /// Without an alert for so long it is over.
    pub quiet: Duration,
    /// Longest wait of a critical incident.
    pub critical: Duration,
}

impl Settle {
    /// How much longer the incident waits; zero when it has settled, or was never opened.
    #[must_use]
    pub fn left(&self, incident: &Incident, now: Timestamp) -> Duration {
        let Some(opened) = incident.opened_at else { return Duration::ZERO };
        let most = match incident.severity {
            Severity::Critical => self.critical.min(self.most),
            Severity::Warning | Severity::Info => self.most,
        };
        let left = |since: Timestamp, wait: Duration| {
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
            Duration::try_from(wait.saturating_sub(now.duration_since(since))).unwrap_or_default()
        };
        let last = incident.joined_at.unwrap_or(opened);
        left(opened, most).min(left(last, self.quiet))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use paramedic_domain::{
        alert::{Alert, AlertStatus},
        event::Event,
    };

    use super::*;

    const SETTLE: Settle = Settle {
        most: Duration::from_secs(15),
        quiet: Duration::from_secs(5),
        critical: Duration::from_secs(7),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000 + second).unwrap()
    }

    fn alert(fingerprint: &str, severity: &str) -> Alert {
        Alert {
            fingerprint: fingerprint.into(),
            status: AlertStatus::Firing,
            labels: BTreeMap::from([("severity".into(), severity.into())]),
            annotations: BTreeMap::new(),
            starts_at: at(0),
            ends_at: None,
            generator_url: String::new(),
            group_key: String::new(),
        }
    }

    /// An incident of this severity that was opened at 0, and that an alert joined at each of these seconds.
    fn incident(severity: &str, joined: &[i64]) -> Incident {
        let empty = Incident::new("prod".parse().unwrap(), "inc_a".parse().unwrap());
        let opened = Event::IncidentOpened {
            title: "t".into(),
            severity: alert("f", severity).severity(),
            alerts: vec![alert("f", severity)],
            traceparent: None,
            request: None,
        };
        let mut incident = empty.foresee(&[opened], at(0), None);
        for second in joined {
            let more = Event::AlertsCorrelated {
                alerts: vec![alert(&second.to_string(), severity)],
                reason: "r".into(),
                reasons: Vec::new(),
                position: None,
            };
            incident = incident.foresee(&[more], at(*second), None);
        }
        incident
    }

    #[test]
    fn quiet_ends_the_wait_and_each_alert_prolongs_it() {
        let left = |joined: &[i64], now| SETTLE.left(&incident("warning", joined), at(now)).as_secs();
        assert_eq!(left(&[], 1), 4);
        assert_eq!(left(&[], 5), 0);
        assert_eq!(left(&[4], 5), 4);
        assert_eq!(left(&[4, 8], 9), 4);
    }

    #[test]
    fn alerts_that_keep_coming_hold_it_open_no_longer_than_the_most() {
        let joined: Vec<i64> = (1..=14).collect();
        let left = |now| SETTLE.left(&incident("warning", &joined), at(now)).as_secs();
        assert_eq!((left(14), left(15), left(20)), (1, 0, 0));
    }

    #[test]
    fn a_critical_incident_waits_a_few_seconds_at_most() {
        let joined: Vec<i64> = (1..=14).collect();
        assert_eq!(SETTLE.left(&incident("critical", &joined), at(6)).as_secs(), 1);
        assert_eq!(SETTLE.left(&incident("critical", &joined), at(7)), Duration::ZERO);
    }
}
