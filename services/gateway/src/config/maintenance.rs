//! The `[[gateway.maintenance]]` entries.

use jiff::{Timestamp, civil::Time};
use paramedic_domain::{
    id::WindowId,
    maintenance::{Day, Schedule, Window, Zone},
    matcher::Matcher,
};
use paramedic_runtime::config::Invalid;
use serde::Deserialize;

/// Name under which windows of the configuration are declared.
const BY: &str = "configuration";

/// One window: once from a time until another, or on days of every week.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Tells windows apart; people read it.
    pub name: String,
    /// What it is about, as Alertmanager writes it.
    pub matchers: Vec<String>,
    /// RFC 3339 times, or, with `days`, times of the day.
    pub from: String,
    /// Its end, the same way.
    pub until: String,
    /// `mon` to `sun`: the days on which it begins. Empty: once.
    #[serde(default)]
    pub days: Vec<Day>,
    /// IANA name of the place whose clock counts; empty: UTC.
    #[serde(default)]
    pub time_zone: String,
}

/// The windows that entries declare.
///
/// # Errors
/// The first key that cannot be used.
pub(super) fn windows(entries: &[Maintenance]) -> Result<Vec<Window>, Invalid> {
    let mut windows: Vec<Window> = Vec::with_capacity(entries.len());
    for (number, entry) in entries.iter().enumerate() {
        let window = entry.window(number)?;
        if windows.iter().any(|other| other.id == window.id) {
            return Err(Invalid::new(
                format!("gateway.maintenance[{number}].name"),
                format!("{:?} is the name of another window already", entry.name),
            ));
        }
        windows.push(window);
    }
    Ok(windows)
}

impl Maintenance {
    fn window(&self, number: usize) -> Result<Window, Invalid> {
        let wrong = |field: &str, problem: String| Invalid::new(format!("gateway.maintenance[{number}].{field}"), problem);
        let matchers = self.matchers.iter().map(|text| text.parse::<Matcher>());
        let schedule = if self.days.is_empty() {
            if !self.time_zone.is_empty() {
                return Err(wrong("time_zone", "is for windows with days: these times say their offset".into()));
            }
            let time = |field: &str, text: &str| {
                let read = text.parse::<Timestamp>();
                read.map_err(|_| {
                    wrong(
                        field,
                        format!("{text:?} is no time as 2026-03-02T22:00:00Z; for every week, say days too"),
                    )
                })
            };
            Schedule::Once {
                from: time("from", &self.from)?,
                until: time("until", &self.until)?,
            }
        } else {
            let time = |field: &str, text: &str| {
                let read = text.parse::<Time>();
                read.map_err(|_| wrong(field, format!("{text:?} is no time of the day as 22:00")))
            };
            let zone = if self.time_zone.is_empty() { "UTC" } else { &self.time_zone };
            Schedule::Weekly {
                days: self.days.clone(),
                from: time("from", &self.from)?,
                until: time("until", &self.until)?,
                zone: zone.parse::<Zone>().map_err(|error| wrong("time_zone", error.to_string()))?,
            }
        };
        let window = Window {
            id: WindowId::derive(&[BY, &self.name]),
            matchers: matchers
                .collect::<Result<_, _>>()
                .map_err(|error| wrong("matchers", error.to_string()))?,
            schedule,
            reason: self.name.clone(),
            by: BY.into(),
        };
        window.validate().map_err(|problem| wrong("matchers", problem))?;
        Ok(window)
    }
}
