//! Which alerts an incident has, why, and what they point to.

use jiff::Timestamp;

use super::Incident;
use crate::{
    alert::Alert,
    correlation::{Membership, Position, Ranking},
};

impl Incident {
    /// `reason`: why the alert of this number belongs here. An alert that is a member already keeps its first reason.
    pub(super) fn absorb_alerts<'a>(&mut self, alerts: &[Alert], reason: impl Fn(usize) -> &'a str, time: Timestamp) {
        self.joined_at = Some(time);
        for (number, alert) in alerts.iter().enumerate() {
            // Once rules have said how severe it is, only they do.
            if self.priority.is_none() {
                self.severity = self.severity.max(alert.severity());
            }
            self.suppressed.remove(&alert.fingerprint);
            let before = self.alerts.insert(alert.fingerprint.clone(), alert.clone());
            let member = self.members.entry(alert.fingerprint.clone()).or_insert_with(|| Membership {
                reason: reason(number).to_owned(),
                firings: 0,
                joined_at: time,
            });
            if before.is_none_or(|before| before.starts_at < alert.starts_at) {
                member.firings += 1;
            }
        }
    }

    /// True if any of them was a member.
    pub(super) fn detach(&mut self, fingerprints: &[String], position: Position) -> bool {
        self.position = self.position.max(position);
        let before = self.alerts.len();
        for fingerprint in fingerprints {
            self.alerts.remove(fingerprint);
            self.members.remove(fingerprint);
            self.suppressed.remove(fingerprint);
        }
        self.alerts.len() < before
    }

    pub(super) fn absorb_ranking(&mut self, ranking: &Ranking, title: Option<&str>, position: Position) -> bool {
        self.ranking = Some(ranking.clone());
        if let Some(title) = title {
            title.clone_into(&mut self.title);
        }
        self.position = self.position.max(position);
        true
    }
}
