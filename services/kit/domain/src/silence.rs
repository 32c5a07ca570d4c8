//! What an Alertmanager keeps quiet.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{alert::Alert, incident::Suppressed, matcher::Matcher};

/// After this long without a word about it, an inhibition is no longer believed: it has no end of its own.
pub const BELIEVED: SignedDuration = SignedDuration::from_mins(15);

/// Everything that one Alertmanager keeps quiet: a message of the `ALERTS` stream. Each replaces the one before it of its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// The configured source.
    pub source: String,
    /// When it was asked.
    pub seen_at: Timestamp,
    /// By id.
    pub silences: BTreeMap<String, Silence>,
    /// Alerts that it said it keeps quiet, by fingerprint.
    pub alerts: BTreeMap<String, Muted>,
}

/// A silence that is, or will be, in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// It is about alerts that all of these match.
    pub matchers: Vec<Matcher>,
    /// Its first moment.
    pub starts_at: Timestamp,
    /// The first moment after it.
    pub ends_at: Timestamp,
    /// Who made it.
    pub by: String,
    /// Why.
    pub comment: String,
}

/// Why Alertmanager keeps an alert quiet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Muted {
    /// Ids of silences.
    pub silenced_by: Vec<String>,
    /// Fingerprints of alerts that inhibit it.
    pub inhibited_by: Vec<String>,
}

impl Silence {
    fn is_open(&self, at: Timestamp) -> bool {
        self.starts_at <= at && at < self.ends_at
    }

    fn words(&self, id: &str) -> Suppressed {
        Suppressed {
            by: format!("silence {id} of {}: {}", self.by, self.comment),
            until: Some(self.ends_at),
        }
    }
}

impl Quiet {
    /// Why an alert is kept quiet at `at`: the silence that does it longest, else what Alertmanager said of the very alert.
    #[must_use]
    pub fn holding(&self, alert: &Alert, at: Timestamp) -> Option<Suppressed> {
        let muted = self.alerts.get(&alert.fingerprint);
        let silenced = |(id, silence): &(&String, &Silence)| {
            let named = muted.is_some_and(|muted| muted.silenced_by.contains(id));
            let matching = !silence.matchers.is_empty() && silence.matchers.iter().all(|matcher| matcher.matches(&alert.labels));
            silence.is_open(at) && (named || matching)
        };
        let longest = self
            .silences
            .iter()
            .filter(silenced)
            .max_by(|a, b| (a.1.ends_at, b.0).cmp(&(b.1.ends_at, a.0)));
        if let Some((id, silence)) = longest {
            return Some(silence.words(id));
        }
        let inhibitor = muted?.inhibited_by.first()?;
        (at.duration_since(self.seen_at) < BELIEVED).then(|| Suppressed {
            by: format!("alert {inhibitor}, which inhibits it"),
            until: None,
        })
    }

    /// The next time after `at` at which a silence begins or ends, or inhibitions are no longer believed.
    #[must_use]
    pub fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        let silences = self.silences.values().flat_map(|silence| [silence.starts_at, silence.ends_at]);
        let is_inhibiting = self.alerts.values().any(|muted| !muted.inhibited_by.is_empty());
        let doubt = is_inhibiting.then(|| self.seen_at.saturating_add(BELIEVED).unwrap_or(Timestamp::MAX));
        silences.chain(doubt).filter(|edge| *edge > at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertStatus;

    fn time(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn alert(fingerprint: &str, namespace: &str) -> Alert {
        Alert {
            fingerprint: fingerprint.into(),
            status: AlertStatus::Firing,
            labels: BTreeMap::from([("namespace".to_owned(), namespace.to_owned())]),
            annotations: BTreeMap::new(),
            starts_at: time(0),
            ends_at: None,
            generator_url: String::new(),
            group_key: String::new(),
        }
    }

    fn silence(from: i64, until: i64) -> Silence {
        Silence {
            matchers: vec!["namespace=shop".parse().unwrap()],
            starts_at: time(from),
            ends_at: time(until),
            by: "ann".into(),
            comment: "disks".into(),
        }
    }

    fn quiet() -> Quiet {
        let muted = |silenced: &[&str], inhibited: &[&str]| Muted {
            silenced_by: silenced.iter().map(|id| (*id).to_owned()).collect(),
            inhibited_by: inhibited.iter().map(|id| (*id).to_owned()).collect(),
        };
        Quiet {
            source: "alertmanager".into(),
            seen_at: time(10),
            silences: BTreeMap::from([("s1".to_owned(), silence(5, 20)), ("s2".to_owned(), silence(12, 30))]),
            alerts: BTreeMap::from([("a".to_owned(), muted(&["s1"], &[])), ("b".to_owned(), muted(&[], &["root"]))]),
        }
    }

    #[test]
    fn a_silence_holds_what_it_matches_while_it_is_in_force() {
        let quiet = quiet();
        assert_eq!(quiet.holding(&alert("x", "shop"), time(4)), None);
        assert_eq!(quiet.holding(&alert("x", "shop"), time(5)).unwrap().by, "silence s1 of ann: disks");
        assert_eq!(
            quiet.holding(&alert("x", "shop"), time(15)).unwrap().until,
            Some(time(30)),
            "the longest"
        );
        assert_eq!(quiet.holding(&alert("x", "shop"), time(30)), None);
        assert_eq!(quiet.holding(&alert("x", "else"), time(15)), None);
    }

    #[test]
    fn what_alertmanager_said_of_the_very_alert_counts_too() {
        let quiet = quiet();
        assert_eq!(quiet.holding(&alert("a", "else"), time(15)).unwrap().until, Some(time(20)));
        assert_eq!(quiet.holding(&alert("a", "else"), time(20)), None, "its silence is over");
    }

    #[test]
    fn an_inhibition_is_believed_for_a_while() {
        let quiet = quiet();
        let held = quiet.holding(&alert("b", "else"), time(24)).unwrap();
        assert_eq!((held.by.as_str(), held.until), ("alert root, which inhibits it", None));
        assert_eq!(quiet.holding(&alert("b", "else"), time(25)), None);
    }

    #[test]
    fn edges_are_where_something_changes() {
        let quiet = quiet();
        let mut at = time(0);
        let mut edges = Vec::new();
        while let Some(edge) = quiet.next_edge(at) {
            edges.push(edge);
            at = edge;
        }
        assert_eq!(edges, [5, 12, 20, 25, 30].map(time));
    }
}
