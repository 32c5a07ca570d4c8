//! How urgent an incident is, and which of its alerts are kept quiet.

use jiff::Timestamp;

use super::{Incident, Suppressed};
use crate::alert::{Priority, Severity};

impl Incident {
    /// Open => Open, and never less severe.
    pub(super) fn absorb_triage(&mut self, severity: Severity, priority: Priority, environment: &str, team: &str) -> bool {
        let fits = self.opened_at.is_some() && self.end.is_none() && severity >= self.severity;
        if fits {
            self.severity = severity;
            self.priority = Some(priority);
            environment.clone_into(&mut self.environment);
            team.clone_into(&mut self.team);
        }
        fits
    }

    /// Only alerts of this incident can be kept quiet in it.
    pub(super) fn absorb_suppressed(&mut self, fingerprints: &[String], by: &str, until: Option<Timestamp>) -> bool {
        let fits = !fingerprints.is_empty() && fingerprints.iter().all(|fingerprint| self.alerts.contains_key(fingerprint));
        if fits {
            for fingerprint in fingerprints {
                let by = by.to_owned();
                self.suppressed.insert(fingerprint.clone(), Suppressed { by, until });
            }
        }
        fits
    }
}
