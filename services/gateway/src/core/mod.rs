//! Decisions of the gateway: no I/O, no clock.

pub mod body;
pub mod completion;
pub mod correlate;
pub mod credential;
mod fields;
pub mod format;
pub mod grafana;
pub mod identity;
mod lenient;
pub mod mapped;
pub mod notification;
pub mod pagerduty;
pub mod problems;
pub mod prometheus;
pub mod reading;
pub mod report;
pub mod share;
pub mod title;
pub mod webhook;
