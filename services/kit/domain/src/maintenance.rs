//! Maintenance windows: times in which alerts about something are expected, and open nothing.

mod schedule;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::schedule::{Day, Schedule, Span, UnknownZone, Zone};
use crate::{id::WindowId, incident::Suppressed, matcher::Matcher};

/// One window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Id.
    pub id: WindowId,
    /// It is about alerts that all of these match; never empty.
    pub matchers: Vec<Matcher>,
    /// When.
    pub schedule: Schedule,
    /// Why.
    pub reason: String,
    /// Who declared it.
    pub by: String,
}

impl Window {
    /// Whether it is about such an alert.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.matchers.is_empty() && self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

/// Most matchers of a window.
const MAX_MATCHERS: usize = 20;
/// Longest reason, characters.
const MAX_REASON: usize = 500;

impl Window {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn validate(&self) -> Result<(), String> {
        if self.matchers.is_empty() || self.matchers.iter().all(Matcher::matches_empty) {
            return Err("one matcher at least must say what the window is about, as in namespace=shop".into());
        }
        if self.matchers.len() > MAX_MATCHERS {
            return Err(format!("a window has at most {MAX_MATCHERS} matchers"));
        }
        if self.reason.trim().is_empty() || self.reason.chars().count() > MAX_REASON {
            return Err(format!("a window needs a reason of 1 to {MAX_REASON} characters"));
        }
        match &self.schedule {
            Schedule::Once { from, until } if until <= from => Err("the window ends before it begins".into()),
            Schedule::Weekly { days, .. } if days.is_empty() => Err("the window has no day".into()),
            Schedule::Once { .. } | Schedule::Weekly { .. } => Ok(()),
        }
    }
}

/// What somebody said about windows: a message of the `ALERTS` stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowTold {
    /// When.
    pub told_at: Timestamp,
    /// What.
    pub change: WindowChange,
}

/// What happens to windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum WindowChange {
    /// These, and no others, are declared by configuration.
    Configured {
        /// Them.
        windows: Vec<Window>,
    },
    /// Somebody declared one.
    Added {
        /// It.
        window: Window,
    },
    /// Somebody ended one that somebody had declared.
    Ended {
        /// Which.
        id: WindowId,
        /// Who.
        by: String,
    },
}

/// Every window that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Windows {
    configured: Vec<Window>,
    added: BTreeMap<WindowId, Window>,
}

impl Windows {
    /// Takes what somebody said. What was over by then is forgotten.
    pub fn apply(&mut self, told: &WindowTold) {
        match &told.change {
            WindowChange::Configured { windows } => self.configured.clone_from(windows),
            WindowChange::Added { window } => {
                self.added.insert(window.id.clone(), window.clone());
            }
            WindowChange::Ended { id, .. } => {
                self.added.remove(id);
            }
        }
        self.forget(told.told_at);
    }

    /// Forgets what is over at `at`.
    pub fn forget(&mut self, at: Timestamp) {
        self.added.retain(|_, window| !window.schedule.is_over(at));
    }

    /// Those that configuration declares, as it was told last.
    #[must_use]
    pub fn configured(&self) -> &[Window] {
        &self.configured
    }

    /// Those that people declared and that are not over.
    pub fn added(&self) -> impl Iterator<Item = &Window> {
        self.added.values()
    }

    /// The window that keeps such an alert quiet at `at`, the one that does it longest.
    #[must_use]
    pub fn holding(&self, labels: &BTreeMap<String, String>, at: Timestamp) -> Option<Suppressed> {
        let open = self.all().filter(|window| window.matches(labels));
        let spans = open.filter_map(|window| Some((window.schedule.span_at(at)?.until, window)));
        let (until, window) = spans.max_by(|a, b| (a.0, &b.1.id).cmp(&(b.0, &a.1.id)))?;
        Some(Suppressed {
            by: format!("maintenance window {} of {}: {}", window.id, window.by, window.reason),
            until: Some(until),
        })
    }

    /// The next time after `at` at which a window begins or ends.
    #[must_use]
    pub fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        self.all().filter_map(|window| window.schedule.next_edge(at)).min()
    }

    fn all(&self) -> impl Iterator<Item = &Window> {
        self.configured.iter().chain(self.added.values())
    }
}

#[cfg(test)]
mod tests;
