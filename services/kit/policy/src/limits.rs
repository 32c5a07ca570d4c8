//! What no rule lifts: modes of namespaces, and times at which nothing is changed.

use jiff::Timestamp;
use paramedic_domain::{maintenance::Schedule, policy::Mode, touched::Touched};
use serde::Deserialize;

use crate::file::Policy;

/// A stricter mode for some namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scoped {
    /// Names, or beginnings of names with `*`.
    pub namespaces: Vec<String>,
    /// The mode there, where it is stricter than that of the cluster.
    pub mode: Mode,
}

/// A time at which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Its name, which people are told.
    pub name: String,
    /// When.
    pub during: Schedule,
    /// Names, or beginnings of names with `*`; empty: the whole cluster.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

impl Policy {
    /// The mode that holds for a change, and the freeze that does, if one does.
    pub(crate) fn limits(&self, mode: Mode, touched: &Touched<'_>, now: Timestamp) -> (Mode, Option<&str>) {
        let scoped = self.modes.iter().filter(|scoped| touched.any(&scoped.namespaces));
        let mode = scoped.fold(mode, |mode, scoped| stricter(mode, scoped.mode));
        let holds =
            |freeze: &&Freeze| (freeze.namespaces.is_empty() || touched.any(&freeze.namespaces)) && freeze.during.span_at(now).is_some();
        (mode, self.freezes.iter().find(holds).map(|freeze| freeze.name.as_str()))
    }
}

/// The stricter of two modes.
fn stricter(one: Mode, other: Mode) -> Mode {
    match (one, other) {
        (Mode::Observe, _) | (_, Mode::Observe) => Mode::Observe,
        (Mode::Standard, _) | (_, Mode::Standard) => Mode::Standard,
        (Mode::Autonomous, Mode::Autonomous) => Mode::Autonomous,
    }
}
