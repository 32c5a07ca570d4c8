//! When a window is open.

use std::{fmt, str::FromStr};

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Serialize};

/// Once, or every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Schedule {
    /// From one time to another.
    Once {
        /// Its first moment.
        from: Timestamp,
        /// The first moment after it.
        until: Timestamp,
    },
    /// On days of the week, by the clock of a place.
    Weekly {
        /// The days on which it begins.
        days: Vec<Day>,
        /// When it begins.
        from: Time,
        /// When it ends; not after `from`: on the next day.
        until: Time,
        /// The place.
        zone: Zone,
    },
}

/// A time from one moment to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Span {
    fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// A time zone by its IANA name. Its rules are those that were built in, so that a replay elsewhere finds the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// A name that no time zone has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone: write UTC or an IANA name as Europe/Berlin")]
pub struct UnknownZone(String);

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let rules = TimeZoneDatabase::bundled().get(name);
        Ok(Self {
            name: name.to_owned(),
            rules: rules.map_err(|_| UnknownZone(name.chars().take(80).collect()))?,
        })
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        name.parse()
    }
}

impl Zone {
    /// When its clocks say what.
    #[must_use]
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Schedule {
    /// The span that `at` is in, if it is in one.
    #[must_use]
    pub fn span_at(&self, at: Timestamp) -> Option<Span> {
        self.spans_around(at).into_iter().find(|span| span.contains(at))
    }

    /// The next beginning or end after `at`.
    #[must_use]
    pub fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        let spans = self.spans_around(at);
        spans
            .iter()
            .flat_map(|span| [span.from, span.until])
            .filter(|edge| *edge > at)
            .min()
    }

    /// Whether it will never be open again.
    #[must_use]
    pub fn is_over(&self, at: Timestamp) -> bool {
        match self {
            Self::Once { until, .. } => *until <= at,
            Self::Weekly { .. } => false,
        }
    }

    /// Spans from the day before `at` to a week after it.
    fn spans_around(&self, at: Timestamp) -> Vec<Span> {
        match self {
            Self::Once { from, until } => vec![Span {
                from: *from,
                until: *until,
            }],
            Self::Weekly { days, from, until, zone } => {
                let today = at.to_zoned(zone.rules.clone()).date();
                let near = (-1..=8).filter_map(|day| today.checked_add(SignedDuration::from_hours(24 * day)).ok());
                near.filter(|date| days.contains(&date.weekday().into()))
                    .filter_map(|date| on(date, *from, *until, &zone.rules))
                    .collect()
            }
        }
    }
}

fn on(date: Date, from: Time, until: Time, rules: &TimeZone) -> Option<Span> {
    let end = if until > from { date } else { date.tomorrow().ok()? };
    let moment = |date: Date, time: Time| date.to_datetime(time).to_zoned(rules.clone()).ok();
    Some(Span {
        from: moment(date, from)?.timestamp(),
        until: moment(end, until)?.timestamp(),
    })
}
