//! Maintenance windows and silences as the `ALERTS` stream stores them.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::civil::Time;
use paramedic_domain::{
    maintenance::{Day, Schedule, Window, WindowChange, WindowTold, Zone},
    matcher::Matcher,
    people::Audience,
    silence::{Muted, Quiet, Silence},
};
use paramedic_proto::v1::{self, schedule::When, window::Schedule as InWindow, window_told::Change};
use prost::Message;

use crate::{
    Invalid, Wire,
    codec::{Field, message, required, scalar_field, words},
};

words!(Day => Day { Mon, Tue, Wed, Thu, Fri, Sat, Sun });
message!(Silence => QuietSilence { matchers, starts_at, ends_at, by, comment });
message!(Muted => Muted { silenced_by, inhibited_by });

macro_rules! texts {
    ($($type:ty),*) => { $(
        impl Wire for $type {
            type Proto = String;
            fn to_proto(&self) -> String {
                self.to_string()
            }
            fn from_proto(text: String) -> Result<Self, Invalid> {
                text.parse().map_err(Invalid::here)
            }
        }
        scalar_field!($type);
    )* };
}
texts!(Matcher, Zone, Time, Audience);

impl Wire for Schedule {
    type Proto = v1::Schedule;
    fn to_proto(&self) -> v1::Schedule {
        let when = match self {
            Self::Once { from, until } => When::Once(v1::window::Once {
                from: from.to_field(),
                until: until.to_field(),
            }),
            Self::Weekly { days, from, until, zone } => When::Weekly(v1::window::Weekly {
                days: days.to_field(),
                from: from.to_proto(),
                until: until.to_proto(),
                zone: zone.to_proto(),
            }),
        };
        v1::Schedule { when: Some(when) }
    }
    fn from_proto(proto: v1::Schedule) -> Result<Self, Invalid> {
        match proto.when {
            Some(When::Once(once)) => Ok(Self::Once {
                from: field("once.from", once.from)?,
                until: field("once.until", once.until)?,
            }),
            Some(When::Weekly(weekly)) => Ok(Self::Weekly {
                days: field("weekly.days", weekly.days)?,
                from: field("weekly.from", weekly.from)?,
                until: field("weekly.until", weekly.until)?,
                zone: field("weekly.zone", weekly.zone)?,
            }),
            None => Err(Invalid::new("schedule", "is missing or unknown")),
        }
    }
}

/// A window holds its schedule's fields among its own.
impl Wire for Window {
    type Proto = v1::Window;
    fn to_proto(&self) -> v1::Window {
        let schedule = self.schedule.to_proto().when.map(|when| match when {
            When::Once(once) => InWindow::Once(once),
            When::Weekly(weekly) => InWindow::Weekly(weekly),
        });
        v1::Window {
            id: self.id.to_proto(),
            matchers: self.matchers.to_field(),
            schedule,
            reason: self.reason.clone(),
            by: self.by.clone(),
        }
    }
    fn from_proto(proto: v1::Window) -> Result<Self, Invalid> {
        let when = proto.schedule.map(|schedule| match schedule {
            InWindow::Once(once) => When::Once(once),
            InWindow::Weekly(weekly) => When::Weekly(weekly),
        });
        Ok(Self {
            id: field("id", proto.id)?,
            matchers: field("matchers", proto.matchers)?,
            schedule: Wire::from_proto(v1::Schedule { when })?,
            reason: proto.reason,
            by: proto.by,
        })
    }
}

impl Wire for WindowTold {
    type Proto = v1::WindowTold;
    fn to_proto(&self) -> v1::WindowTold {
        let change = match &self.change {
            WindowChange::Configured { windows } => Change::Configured(v1::window_told::Configured {
                windows: windows.to_field(),
            }),
            WindowChange::Added { window } => Change::Added(v1::window_told::Added {
                window: Some(window.to_proto()),
            }),
            WindowChange::Ended { id, by } => Change::Ended(v1::window_told::Ended {
                id: id.to_proto(),
                by: by.clone(),
            }),
        };
        v1::WindowTold {
            told_at: self.told_at.to_field(),
            change: Some(change),
        }
    }
    fn from_proto(proto: v1::WindowTold) -> Result<Self, Invalid> {
        let change = match proto.change {
            Some(Change::Configured(configured)) => WindowChange::Configured {
                windows: field("configured.windows", configured.windows)?,
            },
            Some(Change::Added(added)) => WindowChange::Added {
                window: required(added.window).map_err(|invalid: Invalid| invalid.within("added.window"))?,
            },
            Some(Change::Ended(ended)) => WindowChange::Ended {
                id: field("ended.id", ended.id)?,
                by: ended.by,
            },
            None => return Err(Invalid::new("change", "is missing or unknown")),
        };
        Ok(Self {
            told_at: field("told_at", proto.told_at)?,
            change,
        })
    }
}

impl Wire for Quiet {
    type Proto = v1::Quiet;
    fn to_proto(&self) -> v1::Quiet {
        v1::Quiet {
            source: self.source.clone(),
            seen_at: self.seen_at.to_field(),
            silences: self.silences.iter().map(|(id, silence)| (id.clone(), silence.to_proto())).collect(),
            alerts: self.alerts.iter().map(|(id, muted)| (id.clone(), muted.to_proto())).collect(),
        }
    }
    fn from_proto(proto: v1::Quiet) -> Result<Self, Invalid> {
        Ok(Self {
            source: proto.source,
            seen_at: field("seen_at", proto.seen_at)?,
            silences: by_key("silences", proto.silences)?,
            alerts: by_key("alerts", proto.alerts)?,
        })
    }
}

fn field<T: Field>(name: &str, proto: T::Proto) -> Result<T, Invalid> {
    T::from_field(proto).map_err(|invalid| invalid.within(name))
}

fn by_key<T: Wire>(name: &str, proto: BTreeMap<String, T::Proto>) -> Result<BTreeMap<String, T>, Invalid> {
    let entry = |(key, value): (String, T::Proto)| {
        let value = T::from_proto(value).map_err(|invalid| invalid.within(&format!("{name}[{key}]")))?;
        Ok((key, value))
    };
    proto.into_iter().map(entry).collect()
}

/// Encodes what somebody said about windows for the `ALERTS` stream.
#[must_use]
pub fn encode_window(told: &WindowTold) -> Bytes {
    told.to_proto().encode_to_vec().into()
}

/// Decodes what somebody said about windows from the `ALERTS` stream.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn decode_window(bytes: &[u8]) -> Result<WindowTold, Invalid> {
    let proto = v1::WindowTold::decode(bytes).map_err(|error| Invalid::new("window", format!("is not a protobuf message: {error}")))?;
    Wire::from_proto(proto)
}

/// Encodes what an Alertmanager keeps quiet for the `ALERTS` stream.
#[must_use]
pub fn encode_quiet(quiet: &Quiet) -> Bytes {
    quiet.to_proto().encode_to_vec().into()
}

/// Decodes what an Alertmanager keeps quiet from the `ALERTS` stream.
///
/// # Errors
/// Names the field that is missing or wrong.
pub fn decode_quiet(bytes: &[u8]) -> Result<Quiet, Invalid> {
    let proto = v1::Quiet::decode(bytes).map_err(|error| Invalid::new("quiet", format!("is not a protobuf message: {error}")))?;
    Wire::from_proto(proto)
}
