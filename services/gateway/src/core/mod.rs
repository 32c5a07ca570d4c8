//! Decisions of the gateway: no I/O, no clock.

pub mod body;
pub mod completion;
pub mod credential;
pub mod facts;
mod fields;
pub mod format;
pub mod gate;
pub mod glob;
pub mod grafana;
pub mod identity;
mod lenient;
pub mod mapped;
pub mod notification;
pub mod pagerduty;
pub mod partition;
pub mod problems;
pub mod prometheus;
pub mod reading;
pub mod record;
pub mod report;
pub mod scope;
pub mod share;
pub mod silences;
pub mod title;
pub mod topology;
pub mod triage;
pub mod webhook;
